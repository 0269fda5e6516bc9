// Now: is it trading, and if not, why not; what is open; what the day has brought; and the four things to do about it.
import { post } from "../core/api.js";
import { useCell } from "../core/cell.js";
import * as format from "../core/format.js";
import { html, useState } from "../core/html.js";
import { href } from "../core/router.js";
import { prices, status, useResource, withPrice } from "../core/store.js";
import { Age, Badge, Card, Checks, Gain, Reading, Stars, Stat, Stats, Time, words } from "../components/basics.js";
import { Chart } from "../components/chart.js";
import { ActionButton, DoButton } from "../components/dialog.js";
import { Lamp, lampOf } from "../components/lamp.js";
import { Table } from "../components/table.js";

export function Now() {
  const now = useCell(status);
  return html`<div class="grid now">
    <${Light} now=${now} />
    ${now && html`<${Day} now=${now} />`}
    <${OpenTrades} />
    <${Curve} />
    ${now && html`<${Connections} now=${now} />`}
  </div>`;
}

function Light({ now }) {
  const lamp = lampOf(now);
  const failed = now?.gate.reasons.filter((each) => !each.ok) ?? [];
  return html`<${Card} class="light ${lamp.tone}" wide>
    <div class="light-head">
      <${Lamp} tone=${lamp.tone} />
      <div class="light-words" role="status">
        <p class="light-word">${lamp.word}</p>
        <p>${lamp.why}</p>
      </div>
      <div class="actions"><${Actions} now=${now} /></div>
    </div>
    ${now &&
    html`<details class="reasons" open=${failed.length > 0}>
      <summary>What the gate depends on</summary>
      <${Checks} items=${now.gate.reasons.map((each) => ({ name: each.check, ok: each.ok, detail: each.text }))} />
    </details>`}
    ${now && now.halts.length > 0 && html`<${Halts} halts=${now.halts} />`}
  <//>`;
}

function Actions({ now }) {
  const halted = now?.halted_all;
  return html`
    ${halted
      ? html`<${ActionButton} what=${() => resume("all")}>Resume<//>`
      : html`<${ActionButton} danger what=${haltAll} disabled=${!now}>Halt<//>`}
    <${ActionButton} danger what=${flatten} disabled=${!now || now.open_trades === 0}>Flatten<//>
    <${DoButton} act=${() => post("/api/reconcile")} done=${() => "The account is being read."}>Read account<//>
  `;
}

const haltAll = () => ({
  title: "Halt everything?",
  body: "No new order is sent until somebody resumes it. What is open is still followed and sold by its rules.",
  confirm: "Halt everything",
  danger: true,
  reason: "by hand",
  act: ({ reason }) => post("/api/halt", { scope: "all", reason }),
  done: (told) => (told.changed ? "Everything is halted." : "It was halted already."),
});

export const resume = (scope) => ({
  title: scope === "all" ? "Resume everything?" : `Resume ${scope}?`,
  body:
    scope === "all"
      ? "Signals are bought again. Halts of single symbols stay."
      : "The symbol is bought again. A difference in its shares that the halt stood for is accepted.",
  confirm: "Resume",
  loosens: true,
  reason: "looked at",
  act: ({ reason }) => post("/api/resume", { scope, reason }),
  done: () => "Resumed.",
});

const flatten = () => ({
  title: "Sell everything?",
  body: "Every open trade is sold at the market. New signals still trade afterwards: halt first if they should not.",
  confirm: "Sell everything",
  danger: true,
  reason: "by hand",
  act: ({ reason }) => post("/api/flatten", { reason }),
  done: () => "Everything is being sold.",
});

const close = (trade) => ({
  title: `Sell ${trade.symbol}?`,
  body: `${format.shares(trade.held)} shares are sold at the market.`,
  confirm: `Sell ${trade.symbol}`,
  danger: true,
  reason: "by hand",
  act: ({ reason }) => post(`/api/positions/${encodeURIComponent(trade.symbol)}/close`, { reason }),
  done: () => `${trade.symbol} is being sold.`,
});

function Halts({ halts }) {
  return html`<ul class="halts" aria-label="Halts">
    ${halts.map(
      (each) => html`<li key=${each.scope + each.reason}>
        <${Badge} tone="bad">${each.scope === "all" ? "everything" : each.scope}<//>
        <span class="halt-why">${each.reason} <small class="muted">by ${each.by}, <${Age} at=${each.at} /></small></span>
        <${ActionButton} small what=${() => resume(each.scope)}>Resume<//>
      </li>`,
    )}
  </ul>`;
}

function Day({ now }) {
  const today = now.today;
  return html`<${Card} title="Today, in New York" wide>
    <${Stats}>
      <${Stat} label="P&L" big><${Gain} amount=${today.pnl} /><//>
      <${Stat} label="Realised"><${Gain} amount=${today.realised} /><//>
      <${Stat} label="Open"><${Gain} amount=${today.unrealised} /><//>
      <${Stat} label="Bought">${format.money(today.buys_usd)}<//>
      <${Stat} label="Orders">${format.number(today.orders)}<//>
      <${Stat} label="Held" note=${`${now.open_trades} open`}>${format.money(now.held_usd)}<//>
      <${Stat} label="Naked" note=${now.naked.trades ? "could not be sold just now" : "all could be sold"}>
        <span class=${now.naked.trades ? "bad" : ""}>${format.money(now.naked.usd)}</span>
      <//>
    <//>
  <//>`;
}

const RULES = { hard_stop: "stop", trailing_stop: "trailing", profit_target: "target", time_exit: "time", force_close_eod: "day's end" };

function OpenTrades() {
  const list = useResource("/api/trades?open=true&limit=100", ["trade", "order"], { everyMs: 30_000 });
  const streamed = useCell(prices);
  const rows = (list.data?.items ?? []).map((each) => withPrice(each, streamed));
  const columns = [
    { key: "symbol", label: "Symbol", cell: (row) => html`<strong>${row.symbol}</strong>` },
    { key: "stars", label: "Stars", cell: (row) => html`<${Stars} count=${row.stars} />`, minor: true },
    { key: "held", label: "Shares", num: true, cell: (row) => format.shares(row.held), minor: true },
    { key: "entry", label: "Entry", num: true, cell: (row) => format.price(row.entry_price) },
    { key: "price", label: "Price", num: true, cell: (row) => html`<span title=${row.mark_at ? format.utc(row.mark_at) : ""}>${format.price(row.mark_price)}</span>` },
    { key: "pnl", label: "P&L", num: true, cell: (row) => html`<${Gain} amount=${row.unrealised_pnl} />` },
    { key: "exits", label: "To its exits", cell: (row) => html`<${Exits} trade=${row} />` },
    { key: "do", label: html`<span class="unseen">Sell</span>`, cell: (row) => html`<${Sell} trade=${row} />` },
  ];
  return html`<${Card} title="Open trades" wide>
    <${Reading} of=${list} />
    ${list.data &&
    html`<${Table} caption="Open trades" columns=${columns} rows=${rows} rowKey=${(row) => row.id}
      link=${(row) => href("trades", row.id)} empty="Nothing is open." />`}
  <//>`;
}

function Sell({ trade }) {
  if (trade.exit_wanted) return html`<${Badge} tone="warn" title=${trade.exit_trouble ?? ""}>being sold<//>`;
  if (trade.status === "pending") return html`<${Badge} tone="info">buying<//>`;
  return html`<${ActionButton} small danger what=${() => close(trade)} disabled=${Number(trade.held) === 0}>Sell<//>`;
}

function Exits({ trade }) {
  const one = useResource(trade.held === "0" ? null : `/api/trades/${trade.id}`, ["trade"], { everyMs: 15_000 });
  const ways = one.data?.exits ?? [];
  if (trade.naked_why) return html`<span class="bad" title=${trade.naked_why}>naked: ${trade.naked_why}</span>`;
  if (ways.length === 0) return html`<span class="muted">${format.NONE}</span>`;
  return html`<span class="exits">
    ${ways.map(
      (way) => html`<span key=${way.rule} class="exit ${way.applies ? "bad" : ""}" title=${way.price ? `at ${format.price(way.price)}` : ""}>
        ${RULES[way.rule] ?? words(way.rule)} ${way.at ? format.duration(way.away_s) : format.percent(way.away_pct, { digits: 1 })}
      </span>`,
    )}
  </span>`;
}

const SPANS = [
  ["Day", 1],
  ["Week", 7],
  ["Month", 30],
  ["Year", 365],
];

function Curve() {
  const [days, setDays] = useState(1);
  const since = new Date(Math.floor((format.serverNow() - days * 86_400_000) / 60_000) * 60_000).toISOString();
  const [asked, setAsked] = useState(since);
  const told = useResource(`/api/equity?since=${asked}&points=400`, ["account"], { everyMs: 60_000 });
  const points = told.data?.points ?? [];
  const choose = (span) => {
    setDays(span);
    setAsked(new Date(Math.floor((format.serverNow() - span * 86_400_000) / 60_000) * 60_000).toISOString());
  };
  const tools = html`<div class="choice" role="group" aria-label="How far back">
    ${SPANS.map(
      ([label, span]) => html`<button type="button" key=${label} class="button small" aria-pressed=${days === span} onClick=${() => choose(span)}>${label}</button>`,
    )}
  </div>`;
  const times = points.map((each) => each.at);
  return html`<${Card} title="Equity and P&L" tools=${tools} wide>
    <${Reading} of=${told} />
    ${told.data &&
    html`<div class="curves">
      <${Chart} title="Equity of the account" times=${times} format=${format.roundMoney} height=${200}
        series=${[{ label: "Equity", values: points.map((each) => Number(each.equity)), color: "--accent", fill: true }]}
        empty="The curve begins with the second minute in which the account was read." />
      ${points.length > 1 &&
      html`<${Chart} title="P&L of the day" times=${times} format=${format.signedMoney} height=${130}
        series=${[{ label: "P&L of the day", values: points.map((each) => Number(each.pnl)), color: "--good" }]} />`}
    </div>`}
  <//>`;
}

function Connections({ now }) {
  return html`<${Card} title="Connections" wide>
    <${Stats}>
      <${Stat} label="Trading stream" note=${html`since <${Time} at=${now.stream.since} />`}>
        <span class=${now.stream.connected ? "good" : "bad"}>${now.stream.connected ? "up" : "down"}</span>
      <//>
      <${Stat} label="Last event"><${Age} at=${now.stream.last_event_at} /><//>
      <${Stat} label="Account read"><${Age} at=${now.audit.last_at} /><//>
      <${Stat} label="Market" note=${now.market.open ? html`closes <${Time} at=${now.market.closes_at} />` : html`opens <${Time} at=${now.market.opens_at} />`}>
        ${now.market.open === null ? "not known" : now.market.open ? "open" : "closed"}
      <//>
      <${Stat} label="Signals waiting">${format.number(now.undecided)}<//>
      <${Stat} label="Orders unresolved"><span class=${now.unresolved ? "warn" : ""}>${format.number(now.unresolved)}</span><//>
      <${Stat} label="Alarms">${now.alarms_failing === null ? "none set up" : now.alarms_failing ? html`<span class="bad">${now.alarms_failing} failing</span>` : "get through"}<//>
    <//>
  <//>`;
}
