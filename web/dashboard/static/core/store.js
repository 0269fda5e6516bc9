// What has been read of the bot, shared by all who show it, and read again when the event stream says so.
import { get } from "./api.js";
import { cell, useCell } from "./cell.js";
import { useEffect } from "./html.js";

/** The body of /api/status; null: not heard yet. */
export const status = cell(null);
/** Prices of open trades as last streamed: Map of trade id to {mark_price, mark_at, unrealised_pnl}. */
export const prices = cell(new Map());

const RELOAD_MS = 250;
const KEPT = 40;
const resources = new Map();

/** One address that is read: its state is {data, error, loading}. */
class Resource {
  constructor(path) {
    this.path = path;
    this.state = cell({ data: null, error: null, loading: true });
    this.watchers = [];
    this.timer = null;
    this.underWay = false;
    this.again = false;
  }

  async load() {
    if (this.underWay) {
      this.again = true; // what is on its way may already be old
      return;
    }
    this.underWay = true;
    this.state.set({ ...this.state.get(), loading: true });
    try {
      this.state.set({ data: await get(this.path), error: null, loading: false });
    } catch (error) {
      this.state.set({ data: this.state.get().data, error, loading: false });
    }
    this.underWay = false;
    if (this.again) {
      this.again = false;
      this.loadSoon();
    }
  }

  /** Many events in a row make one reading. */
  loadSoon() {
    if (this.timer !== null || this.watchers.length === 0) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.load();
    }, RELOAD_MS);
  }
}

function resourceOf(path) {
  let found = resources.get(path);
  if (!found) {
    found = new Resource(path);
    resources.set(path, found);
    forgetOldest();
  }
  return found;
}

function forgetOldest() {
  for (const [path, each] of resources) {
    if (resources.size <= KEPT) return;
    if (each.watchers.length === 0) resources.delete(path);
  }
}

const NOTHING = cell({ data: null, error: null, loading: false });

/**
 * What the bot answers at `path` (null: nothing is asked): {data, error, loading, reload}. It is read again
 * on events of the kinds in `topics` ("signal", "trade", "order", "halt", "config", "account", "state"), and each
 * `everyMs`. While it is read again the old data stay, and after a failure too, beside the error.
 */
export function useResource(path, topics = [], { everyMs = 0 } = {}) {
  const resource = path === null ? null : resourceOf(path);
  const state = useCell(resource?.state ?? NOTHING);
  const wanted = topics.join();
  useEffect(() => {
    if (!resource) return undefined;
    const watcher = { topics: new Set(wanted.split(",")) };
    resource.watchers.push(watcher);
    resource.load();
    const timer = everyMs ? setInterval(() => document.hidden || resource.load(), everyMs) : null;
    return () => {
      resource.watchers.splice(resource.watchers.indexOf(watcher), 1);
      clearInterval(timer);
    };
  }, [resource, wanted, everyMs]);
  return { ...state, reload: () => resource?.load() };
}

/** Something of this kind has changed: whoever shows it reads it again. */
export function changed(topic) {
  for (const each of resources.values()) {
    if (each.watchers.some((watcher) => watcher.topics.has(topic))) each.loadSoon();
  }
}

/** Events may have been missed: all that is shown is read again. */
export function reloadAll() {
  for (const each of resources.values()) each.loadSoon();
}

/** Another account or another reader: nothing that was read counts any more. */
export function forgetAll() {
  resources.clear();
  status.set(null);
  prices.set(new Map());
}

/** The trade with its last streamed price. */
export function withPrice(trade, streamed) {
  const told = streamed.get(trade.id);
  return told && !(trade.mark_at > told.mark_at) ? { ...trade, ...told } : trade;
}
