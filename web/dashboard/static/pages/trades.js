// Trades.
import { html } from "../core/html.js";
import { Card, Empty } from "../components/basics.js";

export function Trades() {
  return html`<${Card} title="Trades"><${Empty}>This page is being made.<//><//>`;
}
