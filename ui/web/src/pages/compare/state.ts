// What the Compare page shows, as its address says it.

import type { Changes } from "../../address";
import type { Brush } from "./brush";

export type View = "scatter" | "parallel";

export interface CompareState {
  query: string;
  view: View;
  /** Null where the page has to choose. */
  x: string | null;
  y: string | null;
  colour: string | null;
  trend: boolean;
  /** The axes of parallel coordinates, from left to right; none where the page has to choose. */
  axes: readonly string[];
  /** The expressions that are drawn on a logarithmic scale. */
  logs: ReadonlySet<string>;
  brushes: readonly Brush[];
  sort: { expression: string; descending: boolean } | null;
}

export function readCompare(parameters: URLSearchParams): CompareState {
  const text = (name: string) => parameters.get(name) || null;
  return {
    query: parameters.get("q") ?? "",
    view: parameters.get("view") === "parallel" ? "parallel" : "scatter",
    x: text("x"),
    y: text("y"),
    colour: text("colour"),
    trend: parameters.has("trend"),
    axes: [...new Set(parameters.getAll("axis").filter((one) => one !== ""))],
    logs: new Set(parameters.getAll("log")),
    brushes: parameters.getAll("brush").flatMap(readBrush),
    sort: readSort(text("sort")),
  };
}

/** The changes of the address that a change of the state comes to. */
export function writeCompare(state: Partial<CompareState>): Changes {
  const changes: Changes = {};
  if (state.query !== undefined) changes.q = state.query;
  if (state.view) changes.view = state.view === "scatter" ? null : state.view;
  for (const name of ["x", "y", "colour"] as const) {
    const value = state[name];
    if (value !== undefined) changes[name] = value;
  }
  if (state.trend !== undefined) changes.trend = state.trend ? "1" : null;
  if (state.axes) changes.axis = state.axes;
  if (state.logs) changes.log = [...state.logs];
  if (state.brushes) changes.brush = state.brushes.map(writeBrush);
  if (state.sort !== undefined)
    changes.sort = state.sort && `${state.sort.descending ? "-" : "+"}${state.sort.expression}`;
  return changes;
}

function readSort(text: string | null): CompareState["sort"] {
  if (text === null || text.length < 2) return null;
  return { expression: text.slice(1), descending: text.startsWith("-") };
}

function writeBrush({ expression, range, names }: Brush): string {
  return JSON.stringify([expression, range && [range.low, range.high], names]);
}

function readBrush(text: string): Brush[] {
  let parts: unknown;
  try {
    parts = JSON.parse(text);
  } catch {
    return [];
  }
  if (!Array.isArray(parts) || typeof parts[0] !== "string") return [];
  const [expression, pair, listed] = parts;
  const names = Array.isArray(listed) ? listed.filter((one): one is string => typeof one === "string") : [];
  const [low, high] = Array.isArray(pair) ? pair : [];
  const isRange = Number.isFinite(low) && Number.isFinite(high) && low <= high;
  if (!isRange && names.length === 0) return [];
  return [{ expression, range: isRange ? { low, high } : null, names }];
}
