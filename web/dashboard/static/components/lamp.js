// The gate's light: may the bot buy now? Colour, shape and word say the same.
import { html } from "../core/html.js";
import { Icon } from "./icons.js";

/** {tone, word, why} of a status; "warn" where it is not known. */
export function lampOf(status) {
  if (status === null) return { tone: "warn", word: "Asking", why: "Nothing has been heard of the bot yet." };
  if (status.unheard) return { tone: "warn", word: "Not known", why: "The bot does not answer. It may be trading or not." };
  if (status.trading) return { tone: "good", word: "Trading", why: "A signal that passes its checks is bought." };
  return { tone: "bad", word: "Not trading", why: status.why_not ?? status.gate.reason };
}

const SIGNS = { good: "ok", bad: "stop", warn: "warn" };

export const Lamp = ({ tone, small }) => html`<span class="lamp ${tone} ${small ? "small" : ""}" aria-hidden="true"><${Icon} name=${SIGNS[tone]} size=${small ? 14 : 40} /></span>`;
