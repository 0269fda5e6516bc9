// System.
import { html } from "../core/html.js";
import { Card, Empty } from "../components/basics.js";

export function System() {
  return html`<${Card} title="System"><${Empty}>This page is being made.<//><//>`;
}
