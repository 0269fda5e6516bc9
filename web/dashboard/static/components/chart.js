// A line chart on uPlot, with the same numbers as a table for whoever cannot see it.
import { html, useEffect, useRef } from "../core/html.js";
import { roundMoney, time } from "../core/format.js";
import uPlot from "../vendor/uPlot.mjs";
import { Empty } from "./basics.js";
import { Table } from "./table.js";

const ROWS = 60;

/**
 * `times`: ISO moments, oldest first; `series`: [{label, values (numbers or null), color (a custom property), fill}];
 * `format(value)` writes a value.
 */
export function Chart({ title, times, series, format = roundMoney, height = 220, empty = "No points yet." }) {
  const place = useRef(null);
  const data = [times.map((each) => Date.parse(each) / 1000), ...series.map((each) => each.values)];
  const newest = useRef(data);
  newest.current = data;
  const plot = useRef(null);
  const enough = times.length > 1;

  useEffect(() => {
    if (!enough) return undefined;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(place.current, series, format, height), newest.current, place.current);
    };
    draw();
    // It may be told of a size after the page has gone.
    const sizes = new ResizeObserver(() => plot.current?.setSize({ width: place.current?.clientWidth ?? 0, height }));
    sizes.observe(place.current);
    window.addEventListener("themechange", draw);
    return () => {
      sizes.disconnect();
      window.removeEventListener("themechange", draw);
      plot.current.destroy();
      plot.current = null;
    };
  }, [enough, height, series.map((each) => each.label).join()]);
  useEffect(() => plot.current?.setData(data), [times, series]);

  if (!enough) return html`<${Empty}>${empty}<//>`;
  return html`<figure class="chart">
    <div ref=${place} class="chart-place" role="img" aria-label="${title}: ${spoken(times, series, format)}"></div>
    <details class="raw"><summary>As a table</summary><${Points} title=${title} times=${times} series=${series} format=${format} /></details>
  </figure>`;
}

function spoken(times, series, format) {
  const last = times.length - 1;
  return series
    .map((each) => `${each.label} from ${format(each.values[0])} to ${format(each.values[last])}`)
    .join("; ");
}

/** At most `ROWS` of the points, evenly taken, the last one among them. */
function Points({ title, times, series, format }) {
  const step = Math.max(1, Math.ceil(times.length / ROWS));
  const rows = times.map((at, index) => ({ at, index })).filter(({ index }) => (times.length - 1 - index) % step === 0);
  const columns = [
    { key: "at", label: "Time", cell: (row) => time(row.at) },
    ...series.map((each) => ({
      key: each.label,
      label: each.label,
      num: true,
      cell: (row) => format(each.values[row.index]),
    })),
  ];
  return html`<${Table} caption=${title} columns=${columns} rows=${rows} rowKey=${(row) => row.at} />`;
}

function options(place, series, format, height) {
  const style = getComputedStyle(place);
  const color = (name) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: color("--muted"),
    grid: { stroke: color("--line"), width: 1 },
    ticks: { stroke: color("--line"), width: 1, size: 4 },
    font: `11px ${style.fontFamily}`,
  };
  return {
    width: place.clientWidth,
    height,
    cursor: { y: false, points: { size: 7 } },
    legend: { live: true },
    axes: [
      { ...axis, space: 70, values: timeTicks },
      { ...axis, size: 68, values: (_plot, ticks) => ticks.map((each) => format(each)) },
    ],
    series: [
      { label: "Time", value: (_plot, at) => (at === null ? "" : time(new Date(at * 1000).toISOString())) },
      ...series.map((each) => ({
        label: each.label,
        stroke: color(each.color),
        width: 2,
        fill: each.fill ? `${color(each.color)}1c` : undefined,
        spanGaps: true,
        points: { show: false },
        value: (_plot, value) => (value === null ? "" : format(value)),
      })),
    ],
  };
}

const timeTicks = (_plot, ticks, _axis, _space, step) =>
  ticks.map((each) => {
    const at = new Date(each * 1000);
    return step >= 86_400
      ? at.toLocaleDateString("en-GB", { day: "numeric", month: "short" })
      : at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  });

/** A small line without axes; `label` says in words what it shows. */
export function Spark({ values, label, width = 96, height = 28 }) {
  const known = values.filter((each) => each !== null);
  if (known.length < 2) return null;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const x = (index) => (index / (values.length - 1)) * (width - 2) + 1;
  const y = (value) => height - 2 - ((value - low) / (high - low || 1)) * (height - 4);
  const points = values.map((each, index) => (each === null ? null : `${x(index).toFixed(1)},${y(each).toFixed(1)}`));
  return html`<svg class="spark" width=${width} height=${height} viewBox="0 0 ${width} ${height}" role="img" aria-label=${label}>
    <polyline fill="none" stroke="currentColor" stroke-width="1.5" points=${points.filter(Boolean).join(" ")} />
  </svg>`;
}
