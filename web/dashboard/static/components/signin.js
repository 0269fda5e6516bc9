// The sign-in: the token is pasted, or came with the address that Starfill prints.
import { signIn, signedOutWhy } from "../core/api.js";
import { useCell } from "../core/cell.js";
import { html, useEffect, useState } from "../core/html.js";
import { ErrorLine } from "./basics.js";

export function SignIn({ failure }) {
  const why = useCell(signedOutWhy);
  const [token, setToken] = useState("");
  const [error, setError] = useState(failure);
  const [underWay, setUnderWay] = useState(false);
  useEffect(() => {
    document.title = "Sign in - Starfill";
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    if (underWay || !token.trim()) return;
    setUnderWay(true);
    setError(null);
    try {
      await signIn(token.trim());
    } catch (refused) {
      setError(refused);
      setUnderWay(false);
    }
  };
  return html`<main class="signin">
    <form class="card" onSubmit=${submit}>
      <h1><img src="/static/icon.svg" width="32" height="32" alt="" /> Starfill</h1>
      ${why && html`<p>${why}</p>`}
      <label class="field">Token
        <input type="password" autocomplete="current-password" spellcheck="false" autofocus value=${token}
          onInput=${(event) => setToken(event.target.value)} />
      </label>
      <p class="muted">It is in the file <code>token</code> of the state folder. With <code>token-view</code> you can look, with
        <code>token-operate</code> also halt and sell.</p>
      <${ErrorLine} error=${error} />
      <button class="button primary" type="submit" disabled=${underWay || !token.trim()}>${underWay ? "Signing in…" : "Sign in"}</button>
    </form>
  </main>`;
}
