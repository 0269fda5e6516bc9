// Config: what the owner sets, a preview of every change, and who has set what.
import { put } from "../core/api.js";
import { html, useEffect, useState } from "../core/html.js";
import { useResource } from "../core/store.js";
import { Badge, Card, ErrorLine, Reading, Time, words } from "../components/basics.js";
import { ask } from "../components/dialog.js";

const GROUPS = {
  "How much": ["trade_size_stars_3", "trade_size_stars_4", "trade_size_stars_5"],
  "What may be bought": ["enabled_catalyst_tiers", "allowed_symbols", "denied_symbols", "max_share_price_usd", "price_collar_pct"],
  "How much risk": [
    "max_order_notional_usd",
    "max_total_exposure_usd",
    "max_concurrent_positions",
    "max_orders_per_minute",
    "max_orders_per_day",
    "symbol_cooldown_sec",
    "daily_loss_limit_usd",
    "max_consecutive_refusals",
    "max_orders_per_signal_ratio",
  ],
  "When to sell": [
    "hard_stop_loss_pct",
    "trailing_stop_pct",
    "trailing_stop_dollar",
    "profit_target_pct",
    "max_hold_duration_sec",
    "close_before_end_min",
    "price_max_age_sec",
    "protective_stop",
  ],
  "The trading day": ["closed_market_policy", "no_entries_first_min"],
};
const POLICIES = ["expire", "hold", "extended_hours"];

const asText = (value) => (Array.isArray(value) ? value.join(",") : String(value));

/** Every setting is somewhere: what this page does not know stands in a group of its own. */
function groupsOf(keys) {
  const known = new Set(Object.values(GROUPS).flat());
  const rest = keys.filter((each) => !known.has(each));
  return rest.length ? { ...GROUPS, Others: rest } : GROUPS;
}

export function Config() {
  const told = useResource("/api/config", ["config"]);
  const [edits, setEdits] = useState({});
  const [preview, setPreview] = useState(null);
  const [failure, setFailure] = useState(null);
  const config = told.data?.config ?? {};
  const changed = Object.fromEntries(Object.entries(edits).filter(([key, value]) => value !== asText(config[key])));
  const count = Object.keys(changed).length;
  useEffect(() => {
    const warn = (event) => event.preventDefault();
    if (count) window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [count > 0]);
  const edit = (key, value) => {
    setEdits({ ...edits, [key]: value });
    setPreview(null);
  };
  const look = async (event) => {
    event.preventDefault();
    setFailure(null);
    try {
      setPreview(await put("/api/config?preview=true", changed));
    } catch (error) {
      setFailure(error);
    }
  };
  const drop = () => {
    setEdits({});
    setPreview(null);
    setFailure(null);
  };
  const save = () =>
    ask({
      title: preview.changes.length === 1 ? "Change this setting?" : `Change ${preview.changes.length} settings?`,
      body: html`<${Changes} changes=${preview.changes} />`,
      confirm: "Change",
      loosens: preview.changes.some((each) => each.loosens),
      act: () => put("/api/config", changed),
      done: (result) => {
        drop();
        return result.changed.length ? "Changed. It counts from the next signal on." : "All was so already.";
      },
    });
  const faults = Object.fromEntries((preview?.faults ?? []).map((each) => [each.field, each.fault]));
  return html`<div class="grid">
    <${Reading} of=${told} />
    ${told.data &&
    html`<form class="grid" onSubmit=${look} novalidate>
      ${told.data.warnings.length > 0 && html`<ul class="warnings" role="status">${told.data.warnings.map((each) => html`<li key=${each} class="warn">${each}</li>`)}</ul>`}
      ${Object.entries(groupsOf(Object.keys(config))).map(
        ([title, keys]) => html`<${Card} key=${title} title=${title} wide>
          <div class="settings">
            ${keys.map(
              (key) => html`<${Setting} key=${key} name=${key} value=${edits[key] ?? asText(config[key])} stored=${asText(config[key])}
                usual=${asText(told.data.defaults[key])} text=${told.data.descriptions[key]} fault=${faults[key]} edit=${edit} />`,
            )}
          </div>
        <//>`,
      )}
      ${count > 0 &&
      html`<div class="save-bar" role="region" aria-label="Unsaved changes">
        <span>${count === 1 ? "One change is" : `${count} changes are`} not saved.</span>
        ${preview && preview.faults.length === 0 && html`<${Changes} changes=${preview.changes} />`}
        ${preview?.warnings.map((each) => html`<p key=${each} class="warn">${each}</p>`)}
        ${preview?.faults.length > 0 && html`<p class="bad" role="alert">Not valid: ${preview.faults.map((each) => `${each.field} ${each.fault}`).join("; ")}.</p>`}
        <${ErrorLine} error=${failure} />
        <div class="actions">
          <button type="button" class="button" onClick=${drop}>Drop</button>
          ${preview && preview.faults.length === 0
            ? html`<button type="button" class="button primary" onClick=${save}>Save…</button>`
            : html`<button type="submit" class="button primary">Preview</button>`}
        </div>
      </div>`}
    </form>`}
    <${History} />
  </div>`;
}

const Changes = ({ changes }) => html`<ul class="changes">
  ${changes.map(
    (each) => html`<li key=${each.name}><code>${each.name}</code> <del>${each.before || "none"}</del> → <ins>${each.after || "none"}</ins>
      ${each.loosens && html` <${Badge} tone="warn">lets more risk in<//>`}</li>`,
  )}
</ul>`;

function Setting({ name, value, stored, usual, text, fault, edit }) {
  const set = (event) => edit(name, event.target.value);
  const id = `setting-${name}`;
  const given = { id, "aria-describedby": `${id}-text`, "aria-invalid": fault ? "true" : undefined };
  let field = html`<input ...${given} value=${value} autocomplete="off" spellcheck="false" maxlength="2000" onInput=${set} />`;
  if (usual === "true" || usual === "false")
    field = html`<select ...${given} value=${value} onChange=${set}><option value="true">on</option><option value="false">off</option></select>`;
  if (name === "closed_market_policy")
    field = html`<select ...${given} value=${value} onChange=${set}>${POLICIES.map((each) => html`<option key=${each} value=${each}>${words(each)}</option>`)}</select>`;
  return html`<div class="field setting ${value !== stored ? "edited" : ""}">
    <label for=${id}>${words(name)}${stored !== usual && html` <${Badge} tone="info" title=${`by default ${usual || "none"}`}>set<//>`}</label>
    ${field}
    <p id="${id}-text" class="muted">${text}</p>
    ${fault && html`<p class="bad">${words(name)} ${fault}</p>`}
  </div>`;
}

function History() {
  const told = useResource("/api/config/history?limit=20", ["config"]);
  const items = told.data?.items ?? [];
  return html`<${Card} title="Who has set what" wide>
    <${Reading} of=${told} />
    ${told.data && items.length === 0 && html`<p class="empty">Nothing was ever changed.</p>`}
    <ol class="history">
      ${items.map(
        (each) => html`<li key=${each.seq}><span class="muted"><${Time} at=${each.at} />, by ${each.by}</span>
          <ul class="changes">${each.changes.map((one) => html`<li key=${one.key}><code>${one.key}</code> <del>${one.old || "none"}</del> → <ins>${one.new || "none"}</ins></li>`)}</ul>
        </li>`,
      )}
    </ol>
  <//>`;
}
