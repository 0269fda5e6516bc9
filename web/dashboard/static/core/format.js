// How numbers and times are written. Amounts come as decimal strings and are never rounded by way of a float
// where the browser can format strings exactly.

const MINUS = "\u2212";
export const NONE = "\u2013";

const usd = { style: "currency", currency: "USD" };
const plainUsd = new Intl.NumberFormat("en-US", usd);
const signedUsd = new Intl.NumberFormat("en-US", { ...usd, signDisplay: "exceptZero" });
const finePrice = new Intl.NumberFormat("en-US", { ...usd, maximumFractionDigits: 4 });
const wholeUsd = new Intl.NumberFormat("en-US", { ...usd, maximumFractionDigits: 0 });
const quantity = new Intl.NumberFormat("en-US", { maximumFractionDigits: 9 });
const count = new Intl.NumberFormat("en-US");

const withMinus = (text) => text.replace("-", MINUS);
const given = (value) => value !== null && value !== undefined && value !== "";

/** "$1,234.50" */
export const money = (amount) => (given(amount) ? withMinus(plainUsd.format(amount)) : NONE);
/** "+$3.20", "−$1.00", "$0.00" */
export const signedMoney = (amount) => (given(amount) ? withMinus(signedUsd.format(amount)) : NONE);
/** "$1,235" */
export const roundMoney = (amount) => (given(amount) ? withMinus(wholeUsd.format(amount)) : NONE);
/** A price a share: up to four digits behind the point. */
export const price = (amount) => (given(amount) ? withMinus(finePrice.format(amount)) : NONE);
/** Shares, in full. */
export const shares = (amount) => (given(amount) ? withMinus(quantity.format(amount)) : NONE);
export const number = (value) => (given(value) ? withMinus(count.format(value)) : NONE);

/** "+1.25%" for "1.25": the API's percents are percents. */
export function percent(amount, { signed = true, digits = 2 } = {}) {
  if (!given(amount)) return NONE;
  const format = new Intl.NumberFormat("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    signDisplay: signed ? "exceptZero" : "auto",
  });
  return `${withMinus(format.format(amount))}%`;
}

/** 1, 0 or -1; of null 0. */
export const signOf = (amount) => Math.sign(Number(amount ?? 0)) || 0;

/** "12.4 MB" */
export function bytes(value) {
  if (!given(value)) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3));
  return `${(value / 1000 ** step).toFixed(step ? 1 : 0)} ${units[step]}`;
}

// --- times: the bot's clock counts, not the viewer's; a simulated day has its own ---

let ahead = 0;

/** The bot has said what time it is. */
export const setServerTime = (iso) => {
  ahead = Date.parse(iso) - Date.now();
};
/** The bot's time now, in milliseconds. */
export const serverNow = () => Date.now() + ahead;

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const shortClock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const dayAndYear = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const zone = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" });

const sameDay = (a, b) => a.toDateString() === b.toDateString();

/** In the viewer's zone: "15:04:05" today, else "12 Nov 15:04", with the year if it is another. */
export function time(iso) {
  if (!given(iso)) return NONE;
  const at = new Date(iso);
  const now = new Date(serverNow());
  if (sameDay(at, now)) return clock.format(at);
  const date = at.getFullYear() === now.getFullYear() ? day : dayAndYear;
  return `${date.format(at)} ${shortClock.format(at)}`;
}

/** "15:04" */
export const hour = (iso) => (given(iso) ? shortClock.format(new Date(iso)) : NONE);
/** "12 Nov 2026" */
export const date = (iso) => (given(iso) ? dayAndYear.format(new Date(iso)) : NONE);
/** For whoever hovers: "2026-11-12 15:04:05.123 UTC" */
export const utc = (iso) => `${new Date(iso).toISOString().replace("T", " ").replace("Z", "")} UTC`;
/** The viewer's zone, as "CET". */
export const zoneName = () => zone.formatToParts(new Date()).find((each) => each.type === "timeZoneName").value;

/** "5 s", "3 min", "2 h 5 min", "4 d"; of seconds. */
export function duration(seconds) {
  if (!given(seconds)) return NONE;
  const whole = Math.max(0, Math.round(Number(seconds)));
  if (whole < 90) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 36) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.round(hours / 24)} d`;
}

/** "12 ms", "1.25 s", "3 min" */
export function latency(ms) {
  if (!given(ms)) return NONE;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(2)} s` : duration(ms / 1000);
}

/** Seconds since then by the bot's clock; null: not known. */
export const ageOf = (iso) => (given(iso) ? Math.max(0, (serverNow() - Date.parse(iso)) / 1000) : null);
