// Signals.
import { html } from "../core/html.js";
import { Card, Empty } from "../components/basics.js";

export function Signals() {
  return html`<${Card} title="Signals"><${Empty}>This page is being made.<//><//>`;
}
