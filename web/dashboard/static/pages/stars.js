// Stars: what each rating has brought, and how sure that is.
import * as format from "../core/format.js";
import { html } from "../core/html.js";
import { go, href } from "../core/router.js";
import { useResource } from "../core/store.js";
import { Card, Gain, Reading, Stars as Rating, Stat, Stats } from "../components/basics.js";

const SPANS = [
  ["All", ""],
  ["Month", "30"],
  ["Week", "7"],
];

export function Stars({ route }) {
  const days = route.query.days ?? "";
  const since = days ? new Date(Math.floor(format.serverNow() / 86_400_000) * 86_400_000 - (Number(days) - 1) * 86_400_000) : null;
  const told = useResource(`/api/stars${since ? `?since=${since.toISOString()}` : ""}`, ["trade"]);
  const tools = html`<div class="choice" role="group" aria-label="How far back">
    ${SPANS.map(
      ([label, span]) => html`<button type="button" key=${label} class="button small" aria-pressed=${days === span} onClick=${() => go(href("stars", "", { days: span }))}>${label}</button>`,
    )}
  </div>`;
  return html`<div class="grid">
    <${Card} title="What each rating has brought" tools=${tools} wide>
      <p class="muted">Closed trades. Each bar shows between what the truth lies with 95 % confidence; the dot is what was seen.</p>
      <${Reading} of=${told} />
    <//>
    ${(told.data?.ratings ?? []).map((each) => html`<${One} key=${each.stars} rating=${each} />`)}
  </div>`;
}

function One({ rating }) {
  const title = rating.stars === null ? "No rating" : html`<${Rating} count=${rating.stars} />`;
  return html`<${Card} title=${title} wide class="rating">
    <${Stats}>
      <${Stat} label="P&L" big note=${rating.unknown ? `of ${rating.unknown} trades nobody knows` : undefined}><${Gain} amount=${rating.pnl} /><//>
      <${Stat} label="Closed">${format.number(rating.trades)}<//>
      <${Stat} label="Open">${format.number(rating.open)}<//>
      <${Stat} label="Won">${format.number(rating.won)}<//>
      <${Stat} label="Signal to fill" note=${rating.latency_ms ? `nine in ten within ${format.latency(rating.latency_ms.p90)}` : "not enough data"}>
        ${format.latency(rating.latency_ms?.p50)}
      <//>
    <//>
    <dl class="intervals">
      <${Interval} label="Hit rate" told=${rating.hit_rate} low=${0} high=${1} write=${(value) => format.percent(value * 100, { signed: false, digits: 0 })} />
      <${Interval} label="A trade brings" told=${rating.expectancy} write=${format.signedMoney} />
      <${Interval} label="In percent" told=${rating.expectancy_pct} write=${(value) => format.percent(value)} />
      <${Interval} label="Slippage against the signal's price" told=${rating.slippage_bp} write=${(value) => `${Number(value).toFixed(1)} bp`} />
    </dl>
    ${rating.note && html`<p class="note-line">${rating.note[0].toUpperCase() + rating.note.slice(1)}.</p>`}
  <//>`;
}

/** A bar from the lowest to the highest, with a dot; the words say the same. */
function Interval({ label, told, low, high, write }) {
  if (!told) return html`<div class="interval"><dt>${label}</dt><dd class="muted">not enough data</dd></div>`;
  const values = [told.low, told.value, told.high].map(Number);
  const far = 1.15 * Math.max(...values.map(Math.abs)); // nothing in the middle: which side it is on is seen at once
  const [from, to] = [low ?? -far, high ?? far];
  const place = (value) => ((value - from) / (to - from || 1)) * 100;
  return html`<div class="interval">
    <dt>${label}</dt>
    <dd>
      <span class="figures"><strong>${write(told.value)}</strong> <span class="muted">${write(told.low)} to ${write(told.high)}, of ${told.n}</span></span>
      <svg class="interval-bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
        <line x1="0" x2="100" y1="5" y2="5" class="axis" />
        ${from < 0 && to > 0 && html`<line x1=${place(0)} x2=${place(0)} y1="0" y2="10" class="zero" />`}
        <line x1=${place(values[0])} x2=${place(values[2])} y1="5" y2="5" class="range" />
        <line x1=${place(values[1]) - 0.6} x2=${place(values[1]) + 0.6} y1="5" y2="5" class="dot" />
      </svg>
    </dd>
  </div>`;
}
