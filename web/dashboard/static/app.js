// Where the dashboard starts: a session, or the sign-in; then the shell around the page of the address.
import { findSession, session, signIn } from "./core/api.js";
import { useCell } from "./core/cell.js";
import { html, render, useEffect, useState } from "./core/html.js";
import { start, stop } from "./core/live.js";
import { takeToken } from "./core/router.js";
import { forgetAll } from "./core/store.js";
import { ErrorLine } from "./components/basics.js";
import { Shell } from "./components/shell.js";
import { SignIn } from "./components/signin.js";

const token = takeToken(); // before anything else: the address bar shows it no longer

async function begin() {
  if (token) await signIn(token);
  else await findSession();
}

function App() {
  const signedIn = useCell(session);
  const [failure, setFailure] = useState(null);
  const tryIt = () => {
    setFailure(null);
    begin().catch((error) => {
      if (error.status) session.set(null);
      setFailure(error);
    });
  };
  useEffect(tryIt, []);
  const open = Boolean(signedIn);
  useEffect(() => {
    if (!open) return undefined;
    start();
    return () => {
      stop();
      forgetAll();
    };
  }, [open]);

  if (signedIn) return html`<${Shell} />`;
  if (signedIn === null) return html`<${SignIn} failure=${failure} />`;
  return html`<main class="starting">
    ${failure ? html`<${ErrorLine} error=${failure} retry=${tryIt} />` : html`<p role="status">Starfill…</p>`}
  </main>`;
}

const place = document.getElementById("app");
place.replaceChildren();
render(html`<${App} />`, place);
