// The one dialog, and the buttons that open it. While its request is under way nothing in it can be pressed, and it
// closes once: a double click does a thing once.
import { arm, session } from "../core/api.js";
import { cell, useCell } from "../core/cell.js";
import { html, useId, useLayoutEffect, useRef, useState } from "../core/html.js";
import { serverNow } from "../core/format.js";
import { ErrorLine } from "./basics.js";
import { say } from "./toast.js";

const asked = cell(null);

/**
 * Ask before something is done. `what`: {title, body, confirm, danger, act, done, loosens, reason}. `act(given)` is
 * awaited; what it throws is shown and the dialog stays. `done(result)`: what to say afterwards. `loosens`: it
 * takes on risk again, so the account number has to be typed. `reason`: the words that are proposed for the
 * journal; `act` gets {reason}.
 */
export function ask(what) {
  if (asked.get() === null) asked.set(what);
}

export const isArmed = () => Date.parse(session.get()?.armed_until ?? "") > serverNow();

/** Stands once in the page. */
export function DialogPlace() {
  const what = useCell(asked);
  return what && html`<${Dialog} what=${what} key=${what.title} />`;
}

function Dialog({ what }) {
  const frame = useRef(null);
  const [failure, setFailure] = useState(null);
  const [needsAccount, setNeedsAccount] = useState(Boolean(what.loosens) && !isArmed());
  const [account, setAccount] = useState("");
  const [reason, setReason] = useState(what.reason ?? "");
  const busy = useRef(false); // not the state alone: a second click comes before the next drawing
  const [underWay, setUnderWay] = useState(false);
  const ids = useId();

  // Before the next key: a Tab must not find the page behind it.
  useLayoutEffect(() => {
    const opener = document.activeElement;
    const dialog = frame.current;
    dialog.showModal();
    return () => {
      dialog.close(); // as long as it is modal, nothing outside takes the focus
      if (opener?.isConnected) opener.focus();
    };
  }, []);

  const shut = () => busy.current || asked.set(null);
  const cancel = (event) => {
    event.preventDefault(); // Escape: the state decides, not the browser
    shut();
  };
  const closed = () => {
    // A browser does not let every Escape be prevented.
    if (busy.current) frame.current?.showModal();
    else if (asked.get() === what) asked.set(null);
  };
  const confirm = async (event) => {
    event.preventDefault();
    if (busy.current) return;
    busy.current = true;
    setUnderWay(true);
    setFailure(null);
    try {
      if (needsAccount) await arm(account.trim());
      setNeedsAccount(false);
      const result = await what.act({ reason: reason.trim() });
      asked.set(null);
      const text = what.done?.(result);
      if (text) say(text);
    } catch (error) {
      if (error.code === "not_armed") setNeedsAccount(true);
      setFailure(error);
    } finally {
      busy.current = false;
      setUnderWay(false);
    }
  };

  return html`<dialog class="dialog" ref=${frame} aria-labelledby="${ids}-title" aria-describedby="${ids}-body" onCancel=${cancel}
    onClose=${closed}>
    <form onSubmit=${confirm} novalidate>
      <h2 id="${ids}-title">${what.title}</h2>
      <div id="${ids}-body" class="dialog-body">${what.body}</div>
      ${what.reason !== undefined &&
      html`<label class="field">Why, for the journal
        <input value=${reason} maxlength="200" required disabled=${underWay} onInput=${(event) => setReason(event.target.value)} />
      </label>`}
      ${needsAccount &&
      html`<label class="field">This takes on risk again. Type the account number
        <input value=${account} autocomplete="off" spellcheck="false" disabled=${underWay} onInput=${(event) => setAccount(event.target.value)} />
      </label>`}
      <${ErrorLine} error=${failure} />
      <div class="dialog-foot">
        <button type="button" class="button" disabled=${underWay} onClick=${shut}>Cancel</button>
        <button type="submit" class="button ${what.danger ? "danger" : "primary"}" autofocus=${!needsAccount}
          disabled=${underWay || (needsAccount && !account.trim()) || (what.reason !== undefined && !reason.trim())}>
          ${underWay ? "Working…" : what.confirm}
        </button>
      </div>
    </form>
  </dialog>`;
}

/** A button that asks first; `what()` is what `ask` takes. A role that may only look sees it disabled. */
export function ActionButton({ what, danger, small, disabled, children }) {
  const mayAct = useCell(session)?.role !== "view";
  return html`<button type="button" class="button ${danger ? "danger" : ""} ${small ? "small" : ""}"
    disabled=${disabled || !mayAct} title=${mayAct ? undefined : "This session may only look (role view)"}
    onClick=${() => ask(what())}>${children}</button>`;
}

/** A button that does something harmless at once; disabled while it is under way. */
export function DoButton({ act, done, small, children }) {
  const [underWay, setUnderWay] = useState(false);
  const busy = useRef(false);
  const mayAct = useCell(session)?.role !== "view";
  const run = async () => {
    if (busy.current) return;
    busy.current = true;
    setUnderWay(true);
    try {
      say(done(await act()));
    } catch (error) {
      say(`${error.message} ${error.fix ?? ""}`, "bad");
    } finally {
      busy.current = false;
      setUnderWay(false);
    }
  };
  return html`<button type="button" class="button ${small ? "small" : ""}" disabled=${underWay || !mayAct}
    title=${mayAct ? undefined : "This session may only look (role view)"} onClick=${run}>${children}</button>`;
}
