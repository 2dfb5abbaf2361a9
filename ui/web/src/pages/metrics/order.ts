// The lines of all charts in the order that the legend is sorted by.

import type { Tagged } from "../../api/types";
import { asNumber, showNumber } from "../../api/values";
import { pointAt } from "./nearest";
import type { Line } from "./panels";
import type { Sort } from "./state";

type Key = string | number | null;

/** Sorted; what has no value comes last in either direction. `groups` names the values of `line.groups`. */
export function ordered(
  lines: readonly Line[],
  sort: Sort | null,
  groups: readonly string[],
  x: number | null,
): readonly Line[] {
  if (sort === null) return lines;
  const keys = new Map(lines.map((line) => [line, keyFor(line, sort.column, groups, x)]));
  const direction = sort.descending ? -1 : 1;
  return [...lines].sort((one, other) => {
    const [a, b] = [keys.get(one) ?? null, keys.get(other) ?? null];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    if (typeof a === "number" && typeof b === "number") return (a - b) * direction;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return String(a).localeCompare(String(b), "en", { numeric: true }) * direction;
  });
}

function keyFor(line: Line, column: Sort["column"], groups: readonly string[], x: number | null): Key {
  switch (column) {
    case "run":
      return line.title;
    case "name":
      return line.name;
    case "context":
      return line.context;
    case "cursor":
      return finite(valueAt(line, x));
    case "min":
    case "max":
    case "last":
      return finite(line.summary[column]);
    case "count":
      return pointsOf(line);
    default:
      return groupKey(line.groups[groups.indexOf(column.slice("group:".length))] ?? null);
  }
}

function finite(value: number | null): number | null {
  return value === null || Number.isNaN(value) ? null : value;
}

function groupKey(value: Tagged): Key {
  if (value === null) return null;
  return typeof value === "string" ? value : (finite(asNumber(value)) ?? JSON.stringify(value));
}

/** What a line has where the cursor is; null where it has nothing. */
export function valueAt(line: Line, x: number | null): number | null {
  const place = x === null ? null : pointAt(line, x);
  return place === null ? null : (line.y[place] ?? null);
}

export function cursorText(line: Line, x: number | null): string {
  const value = valueAt(line, x);
  return value === null ? "" : showNumber(value);
}

/** How many points a line stands for. */
export function pointsOf(line: Line): number {
  return line.of.reduce((sum, series) => sum + series.curve.count, 0);
}
