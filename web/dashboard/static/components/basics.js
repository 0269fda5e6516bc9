// The small parts of which pages are made.
import { cell, useCell } from "../core/cell.js";
import * as format from "../core/format.js";
import { html } from "../core/html.js";
import { Icon } from "./icons.js";

/** A titled box. `wide`: the whole width of the page's grid; `tools`: what stands at the right of the title. */
export const Card = ({ title, tools, wide, class: name = "", level = 2, children }) => html`
  <section class="card ${wide ? "wide" : ""} ${name}">
    ${title && html`<header class="card-head"><${`h${level}`} class="card-title">${title}<//>${tools}</header>`}
    ${children}
  </section>
`;

/** A word with a tone: "good", "bad", "warn", "info" or none. */
export const Badge = ({ tone = "", title, children }) => html`<span class="badge ${tone}" title=${title}>${children}</span>`;

/** Nothing to show, and why that is so. */
export const Empty = ({ children }) => html`<p class="empty">${children}</p>`;

/** A failure: what happened, what to do, and each fault that was named. */
export const ErrorLine = ({ error, retry }) =>
  error &&
  html`<div class="error-line" role="alert">
    <${Icon} name="warn" />
    <div>
      <strong>${error.message}</strong> ${error.fix}
      ${error.details?.length > 0 &&
      html`<ul>${error.details.map((each) => html`<li><code>${each.field}</code> ${each.fault}</li>`)}</ul>`}
      ${error.code && html`<small class="muted">Code: ${error.code}</small>`}
    </div>
    ${retry && html`<button class="button small" type="button" onClick=${retry}>Try again</button>`}
  </div>`;

/** Of a resource: its failure, that it is being read, or nothing. */
export const Reading = ({ of }) =>
  of.error
    ? html`<${ErrorLine} error=${of.error} retry=${of.reload} />`
    : of.data === null && html`<p class="reading" role="status">Reading…</p>`;

/** A labelled number. */
export const Stat = ({ label, children, note, big }) => html`
  <div class="stat ${big ? "big" : ""}"><dt>${label}</dt><dd>${children}</dd>${note && html`<dd class="note">${note}</dd>`}</div>
`;

export const Stats = ({ children }) => html`<dl class="stats">${children}</dl>`;

/** A moment in the viewer's zone; in UTC for whoever hovers. */
export const Time = ({ at }) =>
  at ? html`<time dateTime=${at} title=${format.utc(at)}>${format.time(at)}</time>` : html`<span>${format.NONE}</span>`;

const tick = cell(0);
setInterval(() => document.hidden || tick.set(tick.get() + 1), 1000);

/** How long ago that was; counts on by itself. */
export const Age = ({ at, ago = true }) => {
  useCell(tick);
  if (!at) return html`<span>${format.NONE}</span>`;
  return html`<time dateTime=${at} title=${format.utc(at)}>${format.duration(format.ageOf(at))}${ago ? " ago" : ""}</time>`;
};

const TONES = { 1: "good", 0: "", "-1": "bad" };
const ARROWS = { 1: "▲", 0: "", "-1": "▼" };

/** Money won or lost: a sign, an arrow and a colour. */
export const Gain = ({ amount, pct }) => {
  const sign = format.signOf(Math.round(Number(amount ?? 0) * 100)); // less than half a cent is neither
  return html`<span class="gain ${TONES[sign]}">
    ${ARROWS[sign] && html`<span class="arrow" aria-hidden="true">${ARROWS[sign]}</span>`}${format.signedMoney(amount)}
    ${pct !== undefined && html` <small>${format.percent(pct)}</small>`}
  </span>`;
};

/** "★★★★☆", read as "4 stars". */
export const Stars = ({ count }) =>
  count === null || count === undefined
    ? html`<span class="muted" title="no rating">${format.NONE}</span>`
    : html`<span class="stars" role="img" aria-label="${count} stars">
        ${"★".repeat(count)}<span class="unlit">${"★".repeat(Math.max(0, 5 - count))}</span>
      </span>`;

/** Yes or no, as a mark with a word for screen readers. */
export const Mark = ({ ok, words = ["passed", "failed"] }) => html`
  <span class="mark ${ok ? "good" : "bad"}"><${Icon} name=${ok ? "ok" : "bad"} size=${16} /><span class="unseen">${ok ? words[0] : words[1]}</span></span>
`;

/** Checks with their answers, as of a verdict or of the gate: {name, ok | passed, detail}. */
export const Checks = ({ items }) => html`
  <ul class="checks">
    ${items.map(
      (each) => html`<li key=${each.name}>
        <${Mark} ok=${each.ok ?? each.passed} />
        <span class="check-name">${words(each.name)}</span><span class="check-detail">${each.detail}</span>
      </li>`,
    )}
  </ul>
`;

/** "daily_loss_limit" as "daily loss limit". */
export const words = (name) => String(name ?? "").replaceAll("_", " ");

/** JSON, to be unfolded. */
export const Raw = ({ value, label = "Raw" }) => html`
  <details class="raw"><summary>${label}</summary><pre>${typeof value === "string" ? pretty(value) : JSON.stringify(value, null, 2)}</pre></details>
`;

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
