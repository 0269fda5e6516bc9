// Tables whose heads sort and whose rows may lead somewhere.
import { html, useState } from "../core/html.js";
import { Empty } from "./basics.js";

/**
 * `columns`: [{key, label, cell(row), num, sort, minor, title}]. `num`: right-aligned figures; `sort`: the head
 * sorts, by `value(row)` (of the rows at hand) or by whoever takes `onSort`; `minor`: not on a phone.
 * `sorted`: {key, descending}, with `onSort(key, descending)` when the bot does the sorting. `link(row)`: where a row leads.
 */
export function Table({ caption, columns, rows, rowKey, sorted, onSort, link, empty = "Nothing here." }) {
  const [own, setOwn] = useState(null);
  const order = onSort ? sorted : (own ?? sorted);
  if (rows.length === 0) return html`<${Empty}>${empty}<//>`;
  const shown = onSort || !order ? rows : ordered(rows, columns.find((each) => each.key === order.key), order.descending);
  const sortBy = (key) => {
    const descending = order?.key === key ? !order.descending : true;
    if (onSort) onSort(key, descending);
    else setOwn({ key, descending });
  };
  return html`
    <div class="table-frame" tabindex="0" role="region" aria-label=${caption}>
      <table>
        <caption class="unseen">${caption}</caption>
        <thead><tr>${columns.map((each) => html`<${Head} key=${each.key} column=${each} order=${order} sortBy=${sortBy} />`)}</tr></thead>
        <tbody>
          ${shown.map((row) => html`<${Row} key=${rowKey(row)} row=${row} columns=${columns} link=${link} />`)}
        </tbody>
      </table>
    </div>
  `;
}

const classes = (column) => `${column.num ? "num" : ""} ${column.minor ? "minor" : ""}`;

function Head({ column, order, sortBy }) {
  const mine = order?.key === column.key;
  const direction = mine ? (order.descending ? "descending" : "ascending") : undefined;
  if (!column.sort) return html`<th scope="col" class=${classes(column)} title=${column.title}>${column.label}</th>`;
  return html`<th scope="col" class=${classes(column)} aria-sort=${direction ?? "none"} title=${column.title}>
    <button type="button" class="sorter" onClick=${() => sortBy(column.key)}>
      ${column.label}<span class="sort-arrow" aria-hidden="true">${mine ? (order.descending ? "▼" : "▲") : "↕"}</span>
    </button>
  </th>`;
}

/** The first cell holds the link; a click anywhere in the row follows it. */
function Row({ row, columns, link }) {
  const to = link?.(row);
  const follow = (event) => {
    if (!to || event.defaultPrevented || event.target.closest("a,button,input,summary,details")) return;
    if (String(getSelection()) === "") location.hash = to;
  };
  return html`<tr class=${to ? "leads" : ""} onClick=${follow}>
    ${columns.map((each, index) => {
      const content = each.cell(row);
      return html`<td key=${each.key} class=${classes(each)}>${index === 0 && to ? html`<a href=${to}>${content}</a>` : content}</td>`;
    })}
  </tr>`;
}

function ordered(rows, column, descending) {
  const value = column?.value;
  if (!value) return rows;
  const sign = descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return (x === null) - (y === null); // what is not known comes last
    return sign * (x < y ? -1 : x > y ? 1 : 0);
  });
}

/** Steps through a list that comes in pages; `next`: the cursor of the page after, `back`: whether there is one before. */
export const Pager = ({ next, back, onNext, onBack }) =>
  (next || back) &&
  html`<nav class="pager" aria-label="Pages of the list">
    <button type="button" class="button small" disabled=${!back} onClick=${onBack}>Newer</button>
    <button type="button" class="button small" disabled=${!next} onClick=${onNext}>Older</button>
  </nav>`;
