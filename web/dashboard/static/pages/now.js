// Now.
import { html } from "../core/html.js";
import { Card, Empty } from "../components/basics.js";

export function Now() {
  return html`<${Card} title="Now"><${Empty}>This page is being made.<//><//>`;
}
