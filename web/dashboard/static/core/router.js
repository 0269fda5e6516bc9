// Addresses of pages: #/trades/12?symbol=ACME. All of a page's state that is worth a bookmark is in there.
import { cell, useCell } from "./cell.js";

export const PAGES = ["now", "signals", "trades", "stars", "risk", "config", "system"];

/** {page, arg, query}: `arg` is what follows the page, or "", `query` a plain object of strings. */
export function parseRoute(hash) {
  const [path, search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [page, ...rest] = path.split("/");
  const known = PAGES.includes(page);
  return {
    page: known ? page : "now",
    arg: known ? rest.map(decoded).join("/") : "",
    query: Object.fromEntries(new URLSearchParams(search)),
  };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // an address typed by hand
  }
}

/** The address of a page; a query's empty values are left out. */
export function href(page, arg = "", query = {}) {
  const kept = Object.entries(query).filter(([, value]) => value !== "" && value != null && value !== false);
  const search = new URLSearchParams(kept).toString();
  return `#/${page}${arg === "" ? "" : `/${encodeURIComponent(arg)}`}${search && `?${search}`}`;
}

const route = cell(parseRoute(location.hash));
window.addEventListener("hashchange", () => route.set(parseRoute(location.hash)));

export const useRoute = () => useCell(route);

/** Go there; `replace` leaves no step back, as for a filter that is being typed. */
export function go(address, { replace = false } = {}) {
  if (address === location.hash) return;
  if (!replace) {
    location.hash = address;
    return;
  }
  history.replaceState(null, "", address);
  route.set(parseRoute(address));
}

/** Takes `#token=...` out of the address, at once, and returns the token; null: there is none. */
export function takeToken() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, "", location.pathname);
  route.set(parseRoute(""));
  return decoded(found[1]).trim();
}
