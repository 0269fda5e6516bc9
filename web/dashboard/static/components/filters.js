// What a list is narrowed by: it stands in the address, so that a reload and a link keep it.
import { html } from "../core/html.js";
import { go, href } from "../core/router.js";

const STARS = ["5", "4", "3"];

/** An address of the page's list with these changes; a changed filter begins at the first page. */
const filtered = (page, query, changes) => href(page, "", { ...query, cursor: "", ...changes });

/** `find`: what can be found by text; `states`: the words that `label`, the query's `name`, may have. */
export function Filters({ page, query, find, label, name, states }) {
  const set = (key) => (event) => go(filtered(page, query, { [key]: event.target.value }), { replace: true });
  return html`<form class="filters" onSubmit=${(event) => event.preventDefault()} role="search">
    <label class="field">Find<input type="search" value=${query.q ?? ""} maxlength="64" placeholder=${find} onChange=${set("q")} /></label>
    <${Choice} label=${label} value=${query[name]} words=${states} onChange=${set(name)} />
    <${Choice} label="Stars" value=${query.stars} words=${STARS} onChange=${set("stars")} />
  </form>`;
}

const Choice = ({ label, value, words, onChange }) => html`<label class="field">${label}
  <select value=${value ?? ""} onChange=${onChange}>
    <option value="">all</option>${words.map((each) => html`<option key=${each} value=${each}>${each}</option>`)}
  </select>
</label>`;
