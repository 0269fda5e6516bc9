// Signals: each with what was decided and why; and what would become of one now.
import { post } from "../core/api.js";
import * as format from "../core/format.js";
import { html, useState } from "../core/html.js";
import { go, href } from "../core/router.js";
import { useResource } from "../core/store.js";
import { Badge, Card, Checks, ErrorLine, Reading, Stars, Stat, Stats, Time, words } from "../components/basics.js";
import { Filters } from "../components/filters.js";
import { Pager, Table } from "../components/table.js";

const TONES = { planned: "good", declined: "", expired: "warn", received: "info" };
const STATES = ["received", "planned", "declined", "expired"];

export function Signals({ route }) {
  return route.arg ? html`<${One} id=${route.arg} source=${route.query.source} />` : html`<${List} query=${route.query} />`;
}

function List({ query }) {
  const asked = new URLSearchParams(
    Object.entries({ limit: "50", ...query }).filter(([, value]) => value),
  );
  const list = useResource(`/api/signals?${asked}`, query.cursor ? [] : ["signal"]);
  const columns = [
    { key: "symbol", label: "Symbol", cell: (row) => html`<strong>${row.symbol}</strong>` },
    { key: "stars", label: "Stars", cell: (row) => html`<${Stars} count=${row.stars} />` },
    { key: "verdict", label: "Verdict", cell: (row) => html`<${Verdict} signal=${row} />` },
    { key: "why", label: "Why", cell: (row) => html`<span class="why">${row.verdict?.reason ?? "waits for its verdict"}</span>`, minor: true },
    { key: "size", label: "Size", num: true, cell: (row) => format.money(row.notional), minor: true },
    { key: "source", label: "Source", cell: (row) => row.source, minor: true },
    { key: "id", label: "Id", cell: (row) => html`<code>${row.signal_id}</code>`, minor: true },
    { key: "at", label: "Taken in", cell: (row) => html`<${Time} at=${row.received_at} />` },
  ];
  return html`<div class="grid">
    <${Card} title="Signals" wide>
      <${Filters} page="signals" query=${query} find="symbol, id, category" label="State" name="state" states=${STATES} />
      <${Reading} of=${list} />
      ${list.data &&
      html`<${Table} caption="Signals" columns=${columns} rows=${list.data.items} rowKey=${(row) => `${row.source} ${row.signal_id}`}
          link=${(row) => href("signals", row.signal_id, { source: row.source })} empty="No signal like this." />
        <${Pager} next=${list.data.next} back=${Boolean(query.cursor)} onNext=${() => go(href("signals", "", { ...query, cursor: list.data.next }))}
          onBack=${() => history.back()} />`}
    <//>
    <${Preview} />
  </div>`;
}

const Verdict = ({ signal }) =>
  html`<${Badge} tone=${TONES[signal.state]}>${signal.verdict ? words(signal.verdict.code) : "waiting"}<//>`;

function One({ id, source }) {
  const found = useResource(
    `/api/signals/${encodeURIComponent(id)}${source ? `?source=${encodeURIComponent(source)}` : ""}`,
    ["signal", "trade"],
  );
  const signal = found.data;
  return html`<div class="grid">
    <p class="crumbs"><a href=${href("signals")}>All signals</a></p>
    <${Reading} of=${found} />
    ${signal &&
    html`<${Card} title=${html`Signal <code>${signal.signal_id}</code>`} wide>
        <p class="headline"><strong>${signal.symbol}</strong> <${Stars} count=${signal.stars} /> <${Verdict} signal=${signal} /></p>
        <p>${signal.verdict?.reason ?? "It has no verdict yet: it waits for the gate, or for the market."}</p>
        <${Stats}>
          <${Stat} label="Source">${signal.source}<//>
          <${Stat} label="Category">${signal.catalyst_category ?? format.NONE}<//>
          <${Stat} label="Tier">${signal.catalyst_tier}<//>
          <${Stat} label="AI confidence">${signal.ai_confidence ?? "none"}<//>
          <${Stat} label="Price at signal">${format.price(signal.price_at_signal)}<//>
          <${Stat} label="Issued"><${Time} at=${signal.issued_at} /><//>
          <${Stat} label="Lives">${format.duration(signal.ttl_s)}<//>
          <${Stat} label="Taken in"><${Time} at=${signal.received_at} /><//>
          <${Stat} label="Size">${format.money(signal.notional)}<//>
        <//>
        ${signal.trade && html`<p><a class="button" href=${href("trades", signal.trade.id)}>The trade it became: ${signal.trade.status}</a></p>`}
      <//>
      <${Card} title="Why: every check, in the order in which they decide" wide>
        ${signal.checks.length ? html`<${Checks} items=${signal.checks} />` : html`<p class="empty">Nothing was checked yet.</p>`}
      <//>`}
  </div>`;
}

const WOULD = { trade: ["good", "It would trade"], decline: ["", "It would not trade"], wait: ["warn", "It would wait"], repeat: ["info", "It is known already"] };

function Preview() {
  const [told, setTold] = useState(null);
  const [failure, setFailure] = useState(null);
  const [underWay, setUnderWay] = useState(false);
  const weigh = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    setUnderWay(true);
    setFailure(null);
    try {
      setTold(
        await post("/api/signals?preview=true", {
          signal_id: `preview-${Date.now()}`,
          source: "dashboard",
          symbol: form.get("symbol").trim().toUpperCase(),
          catalyst_tier: Number(form.get("tier")),
          ai_confidence: form.get("confidence") || null,
          price_at_signal: form.get("price").trim() || null,
          catalyst_category: null,
          ttl_s: 300,
          issued_at: new Date(format.serverNow()).toISOString(),
        }),
      );
    } catch (error) {
      setTold(null);
      setFailure(error);
    } finally {
      setUnderWay(false);
    }
  };
  return html`<${Card} title="What would become of a signal now" wide>
    <form class="filters" onSubmit=${weigh}>
      <label class="field">Symbol<input name="symbol" required maxlength="16" autocapitalize="characters" spellcheck="false" /></label>
      <label class="field">Catalyst tier
        <select name="tier">${[1, 2, 3, 4].map((each) => html`<option key=${each} value=${each} selected=${each === 3}>${each}</option>`)}</select>
      </label>
      <label class="field">AI confidence
        <select name="confidence"><option value="high">high</option><option value="medium">medium</option><option value="low">low</option><option value="">none</option></select>
      </label>
      <label class="field">Price at signal<input name="price" inputmode="decimal" maxlength="16" placeholder="none" /></label>
      <button class="button primary" disabled=${underWay}>${underWay ? "Asking…" : "Preview"}</button>
    </form>
    <p class="muted">Nothing is stored and nothing is sent.</p>
    <${ErrorLine} error=${failure} />
    ${told &&
    html`<div class="preview" role="status">
      <p class="headline"><${Badge} tone=${WOULD[told.would]?.[0]}>${WOULD[told.would]?.[1] ?? told.would}<//> <strong>${told.symbol}</strong> <${Stars} count=${told.stars} /> ${told.order && format.money(told.order.cost)}</p>
      <p>${told.reason}</p>
      <${Checks} items=${told.checks} />
    </div>`}
  <//>`;
}
