// Risk.
import { html } from "../core/html.js";
import { Card, Empty } from "../components/basics.js";

export function Risk() {
  return html`<${Card} title="Risk"><${Empty}>This page is being made.<//><//>`;
}
