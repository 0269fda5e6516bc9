// Requests to the bot. Every failure is an ApiError with the API's {code, message, fix, details}.
import { cell } from "./cell.js";

/** Who is signed in: {role, armed_until, csrf}; null: nobody; undefined: not asked yet. */
export const session = cell(undefined);
/** Why somebody who was signed in no longer is; shown at the sign-in. */
export const signedOutWhy = cell("");

const READING = new Set(["GET", "HEAD"]);
const TIMEOUT_MS = 20_000;

export class ApiError extends Error {
  constructor(status, body) {
    super(body.message);
    this.status = status;
    this.code = body.code;
    this.fix = body.fix ?? "";
    this.details = body.details ?? [];
  }
}

/** The parsed answer; throws ApiError and nothing else. `signal` ends it early. */
export async function request(method, path, body, { signal } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (!READING.has(method) && session.get()?.csrf) headers["X-CSRF-Token"] = session.get().csrf;
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: signal && AbortSignal.any ? AbortSignal.any([signal, limit]) : limit,
    });
  } catch (error) {
    throw unreachable(method, error);
  }
  const parsed = await answer.json().catch(() => null);
  if (answer.ok) return parsed;
  const failure = new ApiError(answer.status, parsed?.code ? parsed : unreadable(answer.status));
  if (answer.status === 401 && !path.startsWith("/api/session")) {
    signedOutWhy.set("The session has ended. Sign in again; what the bot does went on meanwhile.");
    session.set(null);
  }
  throw failure;
}

export const get = (path, options) => request("GET", path, undefined, options);
export const post = (path, body) => request("POST", path, body);
export const put = (path, body) => request("PUT", path, body);

function unreachable(method, error) {
  const late = error.name === "TimeoutError";
  return new ApiError(0, {
    code: late ? "no_answer" : "unreachable",
    message: late ? "Starfill has not answered in time." : "Starfill cannot be reached.",
    fix: READING.has(method)
      ? "See whether it is running; this page goes on by itself."
      : "It may have been done or not: look before you repeat it.",
  });
}

function unreadable(status) {
  return { code: "http_error", message: `The answer (${status}) cannot be read.`, fix: "See the bot's log." };
}

/** Finds out whether a session stands; throws ApiError when the bot cannot be asked. */
export async function findSession() {
  try {
    session.set(await get("/api/session"));
  } catch (error) {
    if (error.status !== 401) throw error;
    session.set(null);
  }
}

/** Opens a session with a token; throws ApiError. */
export async function signIn(token) {
  session.set(await post("/api/session", { token }));
  signedOutWhy.set("");
}

export async function signOut() {
  await request("DELETE", "/api/session").catch((error) => {
    if (error.status !== 401) throw error;
  });
  session.set(null);
}

/** Allows what loosens, for ten minutes; throws ApiError. */
export async function arm(accountNumber) {
  const told = await post("/api/session/arm", { account_number: accountNumber });
  session.set({ ...session.get(), ...told });
}
