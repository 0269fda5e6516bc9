// What stands around every page: the way to the others, the light, and the state of the connection.
import { session, signOut } from "../core/api.js";
import { useCell } from "../core/cell.js";
import { html, useEffect, useErrorBoundary, useRef, useState } from "../core/html.js";
import { liveState } from "../core/live.js";
import { href, useRoute } from "../core/router.js";
import { status } from "../core/store.js";
import * as pages from "../pages/index.js";
import { Badge, ErrorLine } from "./basics.js";
import { DialogPlace } from "./dialog.js";
import { Lamp, lampOf } from "./lamp.js";
import { Icon } from "./icons.js";
import { say, Toast } from "./toast.js";

const NAMES = {
  now: "Now",
  signals: "Signals",
  trades: "Trades",
  stars: "Stars",
  risk: "Risk",
  config: "Config",
  system: "System",
};

export function Shell() {
  const route = useRoute();
  const heading = useRef(null);
  const first = useRef(true);
  useEffect(() => {
    document.title = `${NAMES[route.page]} - Starfill`;
    if (!first.current) {
      heading.current.focus({ preventScroll: true }); // a screen reader goes on with the new page
      window.scrollTo(0, 0);
    }
    first.current = false;
  }, [route.page, route.arg]);
  const Page = pages[route.page];
  return html`
    <a class="skip" href="#main" onClick=${(event) => skip(event, heading.current)}>Skip to the page</a>
    <div class="shell">
      <${Rail} page=${route.page} />
      <div class="stage">
        <${Strip} />
        <main id="main">
          <h1 ref=${heading} tabindex="-1" class="unseen">${NAMES[route.page]}</h1>
          <${Guarded} key=${route.page}><${Page} route=${route} /><//>
        </main>
      </div>
    </div>
    <${DialogPlace} />
    <${Toast} />
  `;
}

function skip(event, heading) {
  event.preventDefault(); // the address belongs to the pages
  heading.focus();
}

/** A page that fails takes nothing else down. */
function Guarded({ children }) {
  const [error, again] = useErrorBoundary((failure) => console.error(failure));
  if (!error) return children;
  const told = { message: "This page could not be drawn.", fix: `The others can. (${error.message})`, code: "page_failed" };
  return html`<${ErrorLine} error=${told} retry=${again} />`;
}

function Rail({ page }) {
  return html`<nav class="rail" aria-label="Pages">
    <a class="brand" href=${href("now")}><img src="/static/icon.svg" width="26" height="26" alt="" /><span>Starfill</span></a>
    <ul>
      ${Object.entries(NAMES).map(
        ([name, label]) => html`<li key=${name}>
          <a href=${href(name)} aria-current=${page === name ? "page" : undefined}><${Icon} name=${name} size=${20} /><span>${label}</span></a>
        </li>`,
      )}
    </ul>
    <${RailFoot} />
  </nav>`;
}

function RailFoot() {
  const now = useCell(status);
  return html`<div class="rail-foot">
    ${now && html`<small class="muted">Account<br /><span class="figures">${now.account_number}</span></small>
    <small class="muted">Version ${now.version}</small>`}
  </div>`;
}

const MODES = { simulator: ["info", "Simulator"], paper: ["info", "Paper"], live: ["bad", "Live money"] };

/** The strip above every page: may it buy, and is what is shown true now? */
function Strip() {
  const now = useCell(status);
  const role = useCell(session)?.role;
  const lamp = lampOf(now);
  return html`<header class="strip">
    <a class="strip-light ${lamp.tone}" href=${href("now")}><${Lamp} tone=${lamp.tone} small /><strong>${lamp.word}</strong><span class="strip-why">${lamp.why}</span></a>
    <div class="strip-side">
      ${now && html`<${Badge} tone=${MODES[now.mode]?.[0]}>${MODES[now.mode]?.[1] ?? now.mode}<//>`}
      <${Connection} />
      ${role === "view" && html`<${Badge} title="This session may only look">View only<//>`}
      <${ThemeButton} />
      <button type="button" class="icon-button" title="Sign out" aria-label="Sign out"
        onClick=${() => signOut().catch((error) => say(error.message, "bad"))}><${Icon} name="out" /></button>
    </div>
  </header>`;
}

const CONNECTIONS = {
  connecting: ["warn", "Connecting"],
  live: ["good", "Live"],
  lost: ["bad", "Reconnecting"],
  paused: ["", "Paused"],
};

function Connection() {
  const [tone, label] = CONNECTIONS[useCell(liveState)];
  return html`<span class="connection ${tone}" role="status" title="The connection of this page to the bot"><i aria-hidden="true"></i>${label}</span>`;
}

function ThemeButton() {
  const [shown, setShown] = useState(window.starfillTheme.shown());
  useEffect(() => {
    const update = () => setShown(window.starfillTheme.shown());
    window.addEventListener("themechange", update);
    return () => window.removeEventListener("themechange", update);
  }, []);
  const other = shown === "dark" ? "light" : "dark";
  return html`<button type="button" class="icon-button" title="Switch to ${other}" aria-label="Switch to ${other}"
    onClick=${() => window.starfillTheme.choose(other)}><${Icon} name=${shown === "dark" ? "sun" : "moon"} /></button>`;
}
