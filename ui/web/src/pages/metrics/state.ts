// What the Metrics page shows, as its address says it.

import type { Changes } from "../../address";

export interface Range {
  low: number;
  high: number;
}

export const CENTRES = ["mean", "median"] as const;
export const BANDS = ["none", "range", "deviation", "error", "quartiles"] as const;
export type Centre = (typeof CENTRES)[number];
export type Band = (typeof BANDS)[number];

export interface Aggregate {
  centre: Centre;
  band: Band;
}

export const COLUMNS = ["run", "name", "context", "cursor", "min", "max", "last", "count"] as const;
/** A column of the legend, or `group:<expression>` for what curves are grouped by. */
export type Column = (typeof COLUMNS)[number] | `group:${string}`;

export interface Sort {
  column: Column;
  descending: boolean;
}

export interface MetricsState {
  /** Null until something has been asked. */
  query: string | null;
  x: string;
  smooth: number;
  colour: readonly string[];
  stroke: readonly string[];
  chart: readonly string[];
  aggregate: Aggregate | null;
  logX: boolean;
  logY: boolean;
  trimmed: boolean;
  xRange: Range | null;
  /** By the key of the chart. */
  yRanges: ReadonlyMap<string, Range>;
  hidden: ReadonlySet<string>;
  /** If there is one, only these are shown, whatever is hidden. */
  only: ReadonlySet<string> | null;
  offset: number;
  sort: Sort | null;
}

// What stands in the address for "by nothing", where leaving it out would mean the default.
const NOTHING = "none";
const DEFAULT_COLOUR: readonly string[] = ["run.hash"];
const DEFAULT_CHART: readonly string[] = ["metric.name"];

export function readState(parameters: URLSearchParams): MetricsState {
  return {
    query: parameters.get("q") ?? (parameters.has("all") ? "" : null),
    x: parameters.get("x") ?? "step",
    smooth: smoothing(parameters.get("smooth")),
    colour: expressions(parameters, "colour", DEFAULT_COLOUR),
    stroke: expressions(parameters, "stroke", []),
    chart: expressions(parameters, "chart", DEFAULT_CHART),
    aggregate: readAggregate(parameters.get("aggregate")),
    logX: parameters.has("logx"),
    logY: parameters.has("logy"),
    trimmed: parameters.has("trim"),
    xRange: readRange(parameters.get("xrange")),
    yRanges: readRanges(parameters.getAll("yrange")),
    hidden: new Set(readIds(parameters.get("hidden"))),
    only: parameters.has("only") ? new Set(readIds(parameters.get("only"))) : null,
    offset: Math.max(0, Math.floor(Number(parameters.get("offset")) || 0)),
    sort: readSort(parameters.get("sort")),
  };
}

/** The changes of the address that a change of the state comes to. */
export function writeState(state: Partial<MetricsState>): Changes {
  const changes: Changes = {};
  if (state.query !== undefined) {
    // an empty query asks for everything, which is not the same as asking nothing
    changes.q = state.query;
    changes.all = state.query === "" ? "1" : null;
  }
  if (state.x !== undefined) changes.x = state.x === "step" ? null : state.x;
  if (state.smooth !== undefined) changes.smooth = state.smooth > 0 ? String(state.smooth) : null;
  if (state.colour) changes.colour = written(state.colour, DEFAULT_COLOUR);
  if (state.stroke) changes.stroke = written(state.stroke, []);
  if (state.chart) changes.chart = written(state.chart, DEFAULT_CHART);
  if (state.aggregate !== undefined)
    changes.aggregate = state.aggregate && `${state.aggregate.centre}.${state.aggregate.band}`;
  if (state.logX !== undefined) changes.logx = state.logX ? "1" : null;
  if (state.logY !== undefined) changes.logy = state.logY ? "1" : null;
  if (state.trimmed !== undefined) changes.trim = state.trimmed ? "1" : null;
  if (state.xRange !== undefined) changes.xrange = state.xRange && writeRange(state.xRange);
  if (state.yRanges) changes.yrange = [...state.yRanges].map(([key, range]) => `${key}:${writeRange(range)}`);
  if (state.hidden) changes.hidden = [...state.hidden].join(".");
  // a lone dot keeps "only these: none" apart from "all"
  if (state.only !== undefined) changes.only = state.only && ([...state.only].join(".") || ".");
  if (state.offset !== undefined) changes.offset = state.offset ? String(state.offset) : null;
  if (state.sort !== undefined)
    changes.sort = state.sort && `${state.sort.descending ? "-" : ""}${state.sort.column}`;
  return changes;
}

function smoothing(text: string | null): number {
  const number = Number(text);
  return number > 0 && number <= 0.999 ? number : 0;
}

function expressions(
  parameters: URLSearchParams,
  name: string,
  initial: readonly string[],
): readonly string[] {
  const given = parameters.getAll(name).filter((one) => one !== "");
  if (given.length === 0) return initial;
  return given.includes(NOTHING) ? [] : [...new Set(given)];
}

function written(given: readonly string[], initial: readonly string[]): string | readonly string[] | null {
  if (given.length === initial.length && given.every((one, place) => one === initial[place])) return null;
  return given.length === 0 ? NOTHING : given;
}

function readAggregate(text: string | null): Aggregate | null {
  const [centre, band] = (text ?? "").split(".");
  const found = CENTRES.find((one) => one === centre);
  return found ? { centre: found, band: BANDS.find((one) => one === band) ?? "none" } : null;
}

function readRange(text: string | null): Range | null {
  const [low, high] = (text ?? "").split("..", 2).map((part) => (part === "" ? Number.NaN : Number(part)));
  if (low === undefined || high === undefined) return null;
  return Number.isFinite(low) && Number.isFinite(high) && low < high ? { low, high } : null;
}

function writeRange(range: Range): string {
  return `${range.low}..${range.high}`;
}

function readRanges(texts: string[]): Map<string, Range> {
  const ranges = new Map<string, Range>();
  for (const text of texts) {
    const colon = text.indexOf(":");
    const range = readRange(text.slice(colon + 1));
    if (colon > 0 && range) ranges.set(text.slice(0, colon), range);
  }
  return ranges;
}

function readIds(text: string | null): string[] {
  return (text ?? "").split(".").filter((id) => id !== "");
}

function readSort(text: string | null): Sort | null {
  if (text === null) return null;
  const descending = text.startsWith("-");
  const name = descending ? text.slice(1) : text;
  if (name.startsWith("group:")) return { column: name as `group:${string}`, descending };
  const column = COLUMNS.find((one) => one === name);
  return column ? { column, descending } : null;
}
