// Trades: sorted and filtered by the bot; of one, its time line with every message.
import { useCell } from "../core/cell.js";
import * as format from "../core/format.js";
import { html } from "../core/html.js";
import { go, href } from "../core/router.js";
import { prices, useResource, withPrice } from "../core/store.js";
import { Badge, Card, Gain, Raw, Reading, Stars, Stat, Stats, Time, words } from "../components/basics.js";
import { Filters } from "../components/filters.js";
import { Pager, Table } from "../components/table.js";

const TONES = { pending: "info", open: "info", closing: "warn", closed: "", missed: "", rejected: "bad" };
const STATUSES = ["pending", "open", "closing", "closed", "missed", "rejected"];

export function Trades({ route }) {
  return route.arg ? html`<${One} id=${route.arg} />` : html`<${List} query=${route.query} />`;
}

function List({ query }) {
  const sort = query.sort ?? "-created_at";
  const asked = new URLSearchParams(Object.entries({ limit: "50", ...query, sort }).filter(([, value]) => value));
  const list = useResource(`/api/trades?${asked}`, query.cursor ? [] : ["trade"]);
  const streamed = useCell(prices);
  const rows = (list.data?.items ?? []).map((each) => withPrice(each, streamed));
  const columns = [
    { key: "symbol", label: "Symbol", sort: true, cell: (row) => html`<strong>${row.symbol}</strong>` },
    { key: "stars", label: "Stars", cell: (row) => html`<${Stars} count=${row.stars} />`, minor: true },
    { key: "status", label: "Status", cell: (row) => html`<${Badge} tone=${TONES[row.status]} title=${row.exit_trouble ?? ""}>${row.status}<//>` },
    { key: "notional", label: "Size", num: true, sort: true, cell: (row) => format.money(row.notional), minor: true },
    { key: "entry", label: "Entry", num: true, cell: (row) => format.price(row.entry_price) },
    { key: "exit", label: "Exit", num: true, cell: (row) => format.price(row.exit_price), minor: true },
    { key: "reason", label: "Ended by", cell: (row) => words(row.exit_reason) || format.NONE, minor: true },
    { key: "pnl", label: "P&L", num: true, sort: true, cell: (row) => html`<${Gain} amount=${row.pnl ?? row.unrealised_pnl} />` },
    { key: "created_at", label: "Planned", sort: true, cell: (row) => html`<${Time} at=${row.created_at} />` },
  ];
  const sorted = { key: sort.replace("-", ""), descending: sort.startsWith("-") };
  const onSort = (key, descending) => go(href("trades", "", { ...query, cursor: "", sort: `${descending ? "-" : ""}${key}` }));
  return html`<${Card} title="Trades" wide>
    <${Filters} page="trades" query=${query} find="symbol, signal" label="Status" name="status" states=${STATUSES} />
    <${Reading} of=${list} />
    ${list.data &&
    html`<${Table} caption="Trades" columns=${columns} rows=${rows} rowKey=${(row) => row.id} sorted=${sorted} onSort=${onSort}
        link=${(row) => href("trades", row.id)} empty="No trade like this." />
      <${Pager} next=${list.data.next} back=${Boolean(query.cursor)} onNext=${() => go(href("trades", "", { ...query, cursor: list.data.next }))}
        onBack=${() => history.back()} />`}
  <//>`;
}

function One({ id }) {
  const found = useResource(`/api/trades/${encodeURIComponent(id)}`, ["trade", "order"]);
  const line = useResource(`/api/trades/${encodeURIComponent(id)}/timeline`, ["trade", "order"]);
  const streamed = useCell(prices);
  const trade = found.data && withPrice(found.data, streamed);
  return html`<div class="grid">
    <p class="crumbs"><a href=${href("trades")}>All trades</a></p>
    <${Reading} of=${found} />
    ${trade && html`<${Facts} trade=${trade} />`}
    ${trade && trade.exits.length > 0 && html`<${Exits} trade=${trade} />`}
    ${line.data && html`<${Latencies} told=${line.data.latencies} /><${Line} steps=${line.data.steps} />`}
    ${trade && html`<${Orders} orders=${trade.orders} />`}
  </div>`;
}

function Facts({ trade }) {
  const over = trade.pnl !== null;
  return html`<${Card} title=${`Trade ${trade.id}`} wide>
    <p class="headline"><strong>${trade.symbol}</strong> <${Stars} count=${trade.stars} /> <${Badge} tone=${TONES[trade.status]}>${trade.status}<//></p>
    <${Stats}>
      <${Stat} label=${over ? "P&L" : "Open P&L"} big><${Gain} amount=${over ? trade.pnl : trade.unrealised_pnl} /><//>
      <${Stat} label="Size">${format.money(trade.notional)}<//>
      <${Stat} label="Bought">${format.shares(trade.shares)}<//>
      <${Stat} label="Entry" note=${html`<${Time} at=${trade.entry_at} />`}>${format.price(trade.entry_price)}<//>
      <${Stat} label="Held">${format.shares(trade.held)}<//>
      <${Stat} label="Price" note=${html`<${Time} at=${trade.mark_at} />`}>${format.price(trade.mark_price)}<//>
      <${Stat} label="Exit" note=${words(trade.exit_reason)}>${format.price(trade.exit_price)}<//>
      <${Stat} label="Signal"><a href=${href("signals", trade.signal_id, { source: trade.source })}><code>${trade.signal_id}</code></a><//>
    <//>
    ${trade.exit_trouble && html`<p class="bad">Selling it failed: ${trade.exit_trouble}</p>`}
    ${trade.naked_why && html`<p class="bad">It could not be sold just now: ${trade.naked_why}</p>`}
  <//>`;
}

function Exits({ trade }) {
  const columns = [
    { key: "rule", label: "Rule", cell: (row) => words(row.rule) },
    { key: "price", label: "Sells at", num: true, cell: (row) => (row.price ? format.price(row.price) : html`<${Time} at=${row.at} />`) },
    { key: "away", label: "Away", num: true, cell: (row) => (row.at ? format.duration(row.away_s) : format.percent(row.away_pct)) },
  ];
  return html`<${Card} title="What would sell it" wide>
    <${Table} caption="What would sell it" columns=${columns} rows=${trade.exits} rowKey=${(row) => row.rule} />
    ${trade.unpriced_why && html`<p class="warn">${trade.unpriced_why}</p>`}
  <//>`;
}

const LATENCIES = {
  signal_to_plan_ms: "Signal to plan",
  plan_to_ack_ms: "Plan to broker's answer",
  ack_to_fill_ms: "Answer to fill",
  signal_to_fill_ms: "Signal to fill",
  exit_to_fill_ms: "Sale to fill",
};

const Latencies = ({ told }) => html`<${Card} title="How long it took" wide>
  <${Stats}>${Object.entries(LATENCIES).map(([key, label]) => html`<${Stat} key=${key} label=${label}>${format.latency(told[key])}<//>`)}<//>
<//>`;

const STEP_TONES = { fill: "good", signal: "info", exit: "warn" };

const Line = ({ steps }) => html`<${Card} title="Time line" wide>
  <ol class="steps">
    ${steps.map(
      (each) => html`<li key=${each.seq} class=${STEP_TONES[each.kind] ?? ""}>
        <div class="step-head"><strong>${each.title}</strong> <span class="step-detail">${each.detail}</span></div>
        <div class="step-when muted"><${Time} at=${each.at} />, +${format.latency(each.since_start_ms)}${each.since_previous_ms ? ` (${format.latency(each.since_previous_ms)} after the step before)` : ""}</div>
        <${Raw} value=${each.raw} label="Message" />
      </li>`,
    )}
  </ol>
<//>`;

function Orders({ orders }) {
  const columns = [
    { key: "id", label: "client_order_id", cell: (row) => html`<code>${row.client_order_id}</code>` },
    { key: "leg", label: "Leg", cell: (row) => row.leg },
    { key: "life", label: "Known", cell: (row) => html`<${Badge} tone=${row.life === "unresolved" ? "warn" : row.life === "refused" ? "bad" : ""}>${row.status || row.life}<//>` },
    { key: "size", label: "Size", num: true, cell: (row) => (row.notional ? format.money(row.notional) : format.shares(row.qty)) },
    { key: "filled", label: "Filled", num: true, cell: (row) => format.shares(row.filled_qty) },
    { key: "price", label: "At", num: true, cell: (row) => format.price(row.filled_avg_price) },
    { key: "alpaca", label: "Alpaca's id", cell: (row) => html`<code>${row.alpaca_order_id ?? format.NONE}</code>`, minor: true },
  ];
  return html`<${Card} title="Orders" wide><${Table} caption="Orders of the trade" columns=${columns} rows=${orders} rowKey=${(row) => row.client_order_id} empty="None yet." /><//>`;
}
