// A line at the foot of the page that says what has just been done; screen readers read it out.
import { cell, useCell } from "../core/cell.js";
import { html } from "../core/html.js";

const said = cell(null);
const SHOWN_MS = 8000;
let timer = null;

/** Say it for some seconds. `tone`: "good" or "bad". */
export function say(text, tone = "good") {
  clearTimeout(timer);
  said.set({ text, tone });
  timer = setTimeout(() => said.set(null), SHOWN_MS);
}

export function Toast() {
  const now = useCell(said);
  return html`<div class="toast-place" role="status" aria-live="polite">
    ${now && html`<p class="toast ${now.tone}">${now.text}</p>`}
  </div>`;
}
