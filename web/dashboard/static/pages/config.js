// Config.
import { html } from "../core/html.js";
import { Card, Empty } from "../components/basics.js";

export function Config() {
  return html`<${Card} title="Config"><${Empty}>This page is being made.<//><//>`;
}
