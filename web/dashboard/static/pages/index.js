// The pages by the name that stands in the address.
export { Now as now } from "./now.js";
export { Signals as signals } from "./signals.js";
export { Trades as trades } from "./trades.js";
export { Stars as stars } from "./stars.js";
export { Risk as risk } from "./risk.js";
export { Config as config } from "./config.js";
export { System as system } from "./system.js";
