// The event stream: keeps it open, tells its state, and passes on what it says.
import { findSession, get, session } from "./api.js";
import { cell } from "./cell.js";
import { setServerTime } from "./format.js";
import { changed, prices, reloadAll, status } from "./store.js";

/** "connecting", "live", "lost" (it is being tried again) or "paused" (the page is not looked at). */
export const liveState = cell("connecting");

const DURABLE = ["signal", "trade", "order", "halt", "config", "account", "other"];
const RETRY_MS = [1000, 2000, 5000, 10_000];
const HIDDEN_MS = 60_000;
const POLL_MS = 5000;

let source = null;
let lastId = "";
let failures = 0;
let retry = null;
let hidden = null;
let poll = null;

/** Opens the stream, until `stop`. */
export function start() {
  stop();
  document.addEventListener("visibilitychange", onVisibility);
  poll = setInterval(pollStatus, POLL_MS);
  open();
}

export function stop() {
  document.removeEventListener("visibilitychange", onVisibility);
  clearInterval(poll);
  clearTimeout(hidden);
  close();
}

function open() {
  close();
  liveState.set(failures ? "lost" : "connecting");
  source = new EventSource(lastId ? `/api/events?after=${encodeURIComponent(lastId)}` : "/api/events");
  source.addEventListener("open", onOpen);
  source.addEventListener("error", onError);
  source.addEventListener("state", (event) => takeStatus(JSON.parse(event.data)));
  source.addEventListener("prices", (event) => takePrices(JSON.parse(event.data)));
  source.addEventListener("reset", (event) => {
    lastId = String(JSON.parse(event.data).seq ?? "");
    reloadAll();
  });
  for (const topic of DURABLE) {
    source.addEventListener(topic, (event) => {
      if (event.lastEventId) lastId = event.lastEventId;
      changed(topic);
    });
  }
}

function close() {
  clearTimeout(retry);
  source?.close();
  source = null;
}

function onOpen() {
  failures = 0;
  liveState.set("live");
  reloadAll(); // between the first reading and the stream something may have happened
}

function onError() {
  liveState.set("lost");
  if (source?.readyState !== EventSource.CLOSED) return; // the browser tries again itself
  const wait = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)];
  failures += 1;
  close();
  retry = setTimeout(async () => {
    await findSession().catch(() => undefined); // a refused stream does not say why
    if (session.get()) open();
  }, wait);
}

function onVisibility() {
  clearTimeout(hidden);
  if (document.hidden) {
    // A browser opens few connections to one host; a page that nobody sees gives its own back.
    hidden = setTimeout(() => {
      close();
      liveState.set("paused");
    }, HIDDEN_MS);
  } else if (!source) {
    failures = 0;
    open();
  }
}

/** While the stream is away the status is asked for, so that the light is never an old one. */
async function pollStatus() {
  if (liveState.get() === "live" || document.hidden || !session.get()) return;
  try {
    takeStatus(await get("/api/status"));
  } catch {
    status.set(status.get() && { ...status.get(), unheard: true });
  }
}

function takeStatus(told) {
  setServerTime(told.now);
  status.set(told);
  changed("state");
}

function takePrices({ trades }) {
  const next = new Map(prices.get());
  for (const each of trades) next.set(each.id, each);
  prices.set(next);
}
