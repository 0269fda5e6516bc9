// Risk: the limits and how far each is used; what is at risk, and what could not be sold.
import * as format from "../core/format.js";
import { html } from "../core/html.js";
import { href } from "../core/router.js";
import { useResource } from "../core/store.js";
import { Badge, Card, Reading, Stat, Stats } from "../components/basics.js";
import { Table } from "../components/table.js";

const WRITE = {
  usd: format.money,
  count: format.number,
  ratio: (value) => (value === null ? format.NONE : Number(value).toFixed(2)),
  pct: (value) => format.percent(value, { signed: false }),
  s: format.duration,
};

export function Risk() {
  const limits = useResource("/api/limits", ["trade", "order", "config", "halt", "signal"], { everyMs: 15_000 });
  const exposure = useResource("/api/exposure", ["trade", "order"], { everyMs: 15_000 });
  const items = limits.data?.items ?? [];
  return html`<div class="grid">
    <${Card} title="Limits, and how much of each is used" wide tools=${html`<a href=${href("config")}>Change them</a>`}>
      <${Reading} of=${limits} />
      <ul class="limits">${items.filter((each) => each.used !== null).map((each) => html`<${Limit} key=${each.name} limit=${each} />`)}</ul>
    <//>
    <${Card} title="Asked of each order alone" wide>
      <${Stats}>${items
        .filter((each) => each.used === null)
        .map((each) => html`<${Stat} key=${each.name} label=${each.text}>${each.limit === null ? "off" : WRITE[each.unit](each.limit)}<//>`)}<//>
    <//>
    <${Card} title="What is at risk" wide>
      <${Reading} of=${exposure} />
      ${exposure.data && html`<${Exposure} told=${exposure.data} />`}
    <//>
  </div>`;
}

function Limit({ limit }) {
  const write = WRITE[limit.unit];
  const off = limit.limit === null;
  const used = Number(limit.used_pct ?? 0);
  const tone = off ? "" : limit.reached ? "bad" : used >= 75 ? "warn" : "good";
  const words_ = off ? `${write(limit.used)}, no limit` : `${write(limit.used)} of ${write(limit.limit)}`;
  return html`<li class="limit ${tone}">
    <div class="limit-head">
      <span>${limit.text} ${limit.breaker && html`<${Badge} title="Reaching it halts everything">breaker<//>`} ${limit.reached && html`<${Badge} tone="bad">reached<//>`}</span>
      <strong class="figures">${words_}</strong>
    </div>
    <svg class="limit-bar" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="${limit.text}: ${words_}">
      <rect width="100" height="6" class="empty-bar" />${!off && html`<rect width=${Math.min(100, used)} height="6" class="full-bar" />`}
    </svg>
    <code class="muted">${limit.name}</code>
  </li>`;
}

function Exposure({ told }) {
  const totals = told.totals;
  const columns = [
    { key: "symbol", label: "Symbol", cell: (row) => html`<strong>${row.symbol}</strong>` },
    { key: "held", label: "Held", num: true, cell: (row) => format.money(row.held_usd) },
    { key: "covered", label: "Covered by a stop", num: true, cell: (row) => format.shares(row.covered), minor: true },
    { key: "risk", label: "At risk", num: true, cell: (row) => format.money(row.at_risk_usd) },
    { key: "never", label: "Cannot be covered", num: true, cell: (row) => format.money(row.unprotectable_usd), minor: true },
    { key: "naked", label: "Could be sold now", cell: (row) => (row.naked_why ? html`<span class="bad">no: ${row.naked_why}</span>` : html`<span class="good">yes</span>`) },
  ];
  return html`
    <${Stats}>
      <${Stat} label="Held" big>${format.money(totals.held_usd)}<//>
      <${Stat} label="Without a stop at the broker">${format.money(totals.at_risk_usd)}<//>
      <${Stat} label="Fractions, which no stop can cover">${format.money(totals.unprotectable_usd)}<//>
      <${Stat} label="Could not be sold just now"><span class=${Number(totals.naked_usd) ? "bad" : ""}>${format.money(totals.naked_usd)}</span><//>
      <${Stat} label="Naked today" note="dollars times seconds">${format.number(Math.round(told.today.naked_usd_s))}<//>
    <//>
    <${Table} caption="What is at risk, by trade" columns=${columns} rows=${told.trades} rowKey=${(row) => row.trade_id}
      link=${(row) => href("trades", row.trade_id)} empty="Nothing is open, so nothing is at risk." />
  `;
}
