// Stars.
import { html } from "../core/html.js";
import { Card, Empty } from "../components/basics.js";

export function Stars() {
  return html`<${Card} title="Stars"><${Empty}>This page is being made.<//><//>`;
}
