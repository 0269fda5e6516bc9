// Line icons, drawn here: 24 by 24, in the colour of the text. They are decoration; words stand beside them.
import { html } from "../core/html.js";

const SHAPES = {
  now: "M3 12h4l3-8 4 16 3-8h4",
  signals: "M5 12a7 7 0 0 1 7-7M5 12a7 7 0 0 0 7 7M12 12h.01M19 5v14M15.5 8.5v7",
  trades: "M7 4v16M7 8h-2v7h4V8H7M17 3v18M17 7h-2v9h4V7h-2",
  stars: "M12 4l2.4 5.1 5.6.7-4.1 3.8 1.1 5.5L12 16.3l-5 2.8 1.1-5.5L4 9.8l5.6-.7z",
  risk: "M12 3l8 3v6c0 4.5-3.3 7.6-8 9-4.7-1.4-8-4.5-8-9V6zM12 8v5M12 16h.01",
  config: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  system: "M4 5h16v6H4zM4 13h16v6H4zM8 8h.01M8 16h.01",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M19 5l-1.4 1.4M6.4 17.6L5 19",
  moon: "M20 14.5A8 8 0 0 1 9.5 4a8 8 0 1 0 10.5 10.5z",
  out: "M14 4h5v16h-5M4 12h10M10 8l4 4-4 4",
  ok: "M5 13l4 4L19 7",
  bad: "M6 6l12 12M18 6L6 18",
  stop: "M8 3h8l5 5v8l-5 5H8l-5-5V8zM8.5 12h7",
  play: "M8 5l11 7-11 7z",
  flat: "M4 19h16M12 4v10M8 10l4 4 4-4",
  look: "M21 12a9 9 0 1 1-3-6.7M21 4v5h-5",
  back: "M15 5l-7 7 7 7",
  more: "M9 6l6 6-6 6",
  shut: "M6 6l12 12M18 6L6 18",
  warn: "M12 4l9 16H3zM12 10v4M12 17h.01",
};

export const Icon = ({ name, size = 18 }) => html`
  <svg class="icon" width=${size} height=${size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8"
    stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false"><path d=${SHAPES[name]} /></svg>
`;
