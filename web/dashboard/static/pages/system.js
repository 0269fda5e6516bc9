// System: the actors, what they depend on, and the journal of everything.
import { post } from "../core/api.js";
import { useCell } from "../core/cell.js";
import * as format from "../core/format.js";
import { html } from "../core/html.js";
import { go, href } from "../core/router.js";
import { status, useResource } from "../core/store.js";
import { Age, Badge, Card, Empty, ErrorLine, Raw, Reading, Stat, Stats, Time, words } from "../components/basics.js";
import { ActionButton, DoButton } from "../components/dialog.js";
import { Pager, Table } from "../components/table.js";
import { resume } from "./now.js";

export function System({ route }) {
  const told = useResource("/api/system", [], { everyMs: 5000 });
  return html`<div class="grid">
    <${Reading} of=${told} />
    ${told.data && html`<${Process} told=${told.data} /><${Actors} actors=${told.data.actors} />`}
    <${Halts} />
    <${Alarms} />
    <${Journal} query=${route.query} />
  </div>`;
}

function Process({ told }) {
  const left = told.requests;
  const rate = left.remaining === null ? "not counted" : `${format.number(left.remaining)}${left.limit === null ? "" : ` of ${format.number(left.limit)}`}`;
  return html`<${Card} title="The process" wide>
    <${Stats}>
      <${Stat} label="Runs for" note=${html`since <${Time} at=${told.started_at} />`}>${format.duration(told.uptime_s)}<//>
      <${Stat} label="Actors rebuilt"><span class=${told.rebuilds ? "warn" : ""}>${format.number(told.rebuilds)}</span><//>
      <${Stat} label="Stream connected" note=${told.stream.connected ? "up" : "down"}>${format.number(told.stream.connects)} ×<//>
      <${Stat} label="Requests left this minute" note=${left.held_s ? `held for ${format.duration(left.held_s)}` : undefined}>${rate}<//>
      <${Stat} label="Memory">${format.bytes(told.rss_bytes)}<//>
      <${Stat} label="Threads">${format.number(told.threads)}<//>
      <${Stat} label="Ledger" note=${`${told.ledger.file}, schema ${told.ledger.db_schema}`}>${format.bytes(told.ledger.bytes)}<//>
      <${Stat} label="Its log">${format.bytes(told.ledger.wal_bytes)}<//>
      <${Stat} label="Disk free">${format.bytes(told.ledger.free_bytes)}<//>
      <${Stat} label="Journal" note="rows">${format.number(told.ledger.journal_rows)}<//>
      <${Stat} label="Pages open">${format.number(told.event_streams)}<//>
      <${Stat} label="Version" note=${`process ${told.pid}`}>${told.version}<//>
    <//>
  <//>`;
}

function Actors({ actors }) {
  const columns = [
    { key: "name", label: "Actor", cell: (row) => row.name },
    { key: "mailbox", label: "Mail waiting", num: true, cell: (row) => html`<span class=${row.mailbox > 100 ? "warn" : ""}>${format.number(row.mailbox)}</span>` },
    { key: "handled", label: "Mail done", num: true, cell: (row) => format.number(row.handled), minor: true },
    { key: "beat", label: "Last heartbeat", num: true, cell: (row) => html`<span class=${row.answered_s_ago > 15 ? "bad" : ""}>${format.duration(row.answered_s_ago)} ago</span>` },
  ];
  return html`<${Card} title="Actors" wide><${Table} caption="Actors" columns=${columns} rows=${actors} rowKey=${(row) => row.name} empty="None: they are being started or stopped." /><//>`;
}

function Halts() {
  const now = useCell(status);
  const halts = now?.halts ?? [];
  return html`<${Card} title="Halts" wide>
    ${halts.length === 0 && html`<${Empty}>Nothing is halted.<//>`}
    <ul class="halts">
      ${halts.map(
        (each) => html`<li key=${each.scope + each.reason}>
          <${Badge} tone="bad">${each.scope === "all" ? "everything" : each.scope}<//>
          <span class="halt-why">${each.reason} <small class="muted">by ${each.by}, <${Age} at=${each.at} /></small></span>
          <${ActionButton} small what=${() => resume(each.scope)}>Resume<//>
        </li>`,
      )}
    </ul>
  <//>`;
}

function Alarms() {
  const told = useResource("/api/alarms", [], { everyMs: 15_000 });
  const tools = html`<${DoButton} small act=${() => post("/api/alarms/test", {})} done=${() => "A test alarm is on its way."}>Send a test<//>`;
  if (told.error) return html`<${Card} title="Alarms" wide><${ErrorLine} error=${told.error} /><//>`;
  const { channels = [], deadman, recent = [] } = told.data ?? {};
  return html`<${Card} title="Alarms" tools=${channels.length > 0 && tools} wide>
    <${Reading} of=${told} />
    ${told.data && channels.length === 0 && html`<${Empty}>No channel is set up: nobody is told when something happens. Set STARFILL_ALARM_URLS.<//>`}
    <ul class="channels">
      ${channels.map(
        (each) => html`<li key=${each.name}><${Badge} tone=${each.ok ? "good" : "bad"}>${each.ok ? "gets through" : "fails"}<//> ${each.name}
          <small class="muted">last sent <${Age} at=${each.last_sent_at} />${each.queued ? `, ${each.queued} waiting` : ""}${each.last_error ? `: ${each.last_error}` : ""}</small></li>`,
      )}
    </ul>
    ${deadman && html`<p class="muted">Sign of life: ${deadman.on ? html`sent <${Age} at=${deadman.last_ok_at} />${deadman.error ? html` <span class="bad">(${deadman.error})</span>` : ""}` : "not set up"}</p>`}
    ${recent.length > 0 && html`<ol class="history">${recent.slice(0, 10).map((each) => html`<li key=${each.at + each.text}><span class="muted"><${Time} at=${each.at} />, ${words(each.kind)}</span> ${each.text} ${!each.delivered && html`<${Badge} tone="warn">not delivered<//>`}</li>`)}</ol>`}
  <//>`;
}

function Journal({ query }) {
  const asked = new URLSearchParams(Object.entries({ limit: "30", kind: query.kind, ref: query.ref, cursor: query.cursor }).filter(([, value]) => value));
  const list = useResource(`/api/journal?${asked}`, query.cursor ? [] : ["signal", "trade", "order", "halt", "config", "account", "other"]);
  const set = (name) => (event) => go(href("system", "", { ...query, cursor: "", [name]: event.target.value.trim() }), { replace: true });
  const columns = [
    { key: "seq", label: "No.", num: true, cell: (row) => format.number(row.seq) },
    { key: "kind", label: "Kind", cell: (row) => words(row.kind) },
    { key: "ref", label: "About", cell: (row) => html`<code>${row.ref}</code>` },
    { key: "at", label: "When", cell: (row) => html`<${Time} at=${row.at} />` },
    { key: "payload", label: "What", cell: (row) => html`<${Raw} value=${row.payload} label="Show" />` },
  ];
  return html`<${Card} title="Journal" wide>
    <form class="filters" onSubmit=${(event) => event.preventDefault()} role="search">
      <label class="field">Kind<input value=${query.kind ?? ""} maxlength="64" placeholder="halted" onChange=${set("kind")} /></label>
      <label class="field">About<input value=${query.ref ?? ""} maxlength="128" placeholder="an id, a symbol" onChange=${set("ref")} /></label>
    </form>
    <${Reading} of=${list} />
    ${list.data &&
    html`<${Table} caption="Journal" columns=${columns} rows=${list.data.items} rowKey=${(row) => row.seq} empty="No row like this." />
      <${Pager} next=${list.data.next} back=${Boolean(query.cursor)} onNext=${() => go(href("system", "", { ...query, cursor: list.data.next }))}
        onBack=${() => history.back()} />`}
  <//>`;
}
