// The points that are shown, as a table for other programs.

import type { Tagged } from "../../api/types";
import { asAimQL, asNumber } from "../../api/values";
import type { Line, Panel } from "./panels";
import type { Points } from "./series";
import type { Range } from "./state";

export interface Exported {
  panels: readonly Panel[];
  /** The lines that are not hidden. */
  shows: (line: Line) => boolean;
  x: string;
  range: Range | null;
  groups: readonly string[];
}

/** One row for each point. `points` says whether all that were tracked are here, or which of them. */
export function asCsv({ panels, shows, x, range, groups }: Exported): string {
  const rows = [
    row([
      "chart",
      "run",
      "run name",
      "experiment",
      "metric",
      "context",
      ...groups,
      "curves",
      "points",
      "kind",
      x,
      "y",
      "low",
      "high",
    ]),
  ];
  for (const panel of panels) {
    for (const line of panel.lines) {
      if (!shows(line)) continue;
      const head = [panel.title, ...who(line), ...line.groups.map(cell)];
      const points = isExact(line) ? "all" : "thinned";
      const kind = line.counts ? "aggregate" : line.raw ? "smoothed" : "tracked";
      if (line.raw) write(rows, line.raw, range, () => [...head, "1", points, "tracked"]);
      write(
        rows,
        line,
        range,
        (place) => [...head, String(line.counts?.[place] ?? 1), points, kind],
        line.band,
      );
    }
  }
  return `${rows.join("\r\n")}\r\n`;
}

export function isExact(line: Line): boolean {
  return line.of.every((series) => series.exact);
}

function who(line: Line): string[] {
  const [only, another] = line.of;
  if (!only || another) return ["", line.title, "", line.name, line.context];
  const { curve } = only;
  return [curve.run, curve.run_name ?? "", curve.experiment ?? "", curve.name, JSON.stringify(curve.context)];
}

function write(
  rows: string[],
  { x, y }: Points,
  range: Range | null,
  head: (place: number) => string[],
  band: Line["band"] = null,
): void {
  for (let place = 0; place < x.length; place += 1) {
    const here = x[place] as number;
    if (range && !(here >= range.low && here <= range.high)) continue;
    const more = band ? [number(band.low[place]), number(band.high[place])] : ["", ""];
    rows.push(row([...head(place), number(here), number(y[place]), ...more]));
  }
}

function number(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return "nan";
  return Number.isFinite(value) ? String(value) : value > 0 ? "inf" : "-inf";
}

function cell(value: Tagged): string {
  if (value === null) return "";
  if (typeof value === "string") return value;
  const found = asNumber(value);
  if (found !== null && typeof value === "object") return asAimQL(value) ?? number(found);
  return found === null ? JSON.stringify(value) : number(found);
}

function row(cells: readonly string[]): string {
  return cells.map((one) => (/[",\r\n]/.test(one) ? `"${one.replaceAll('"', '""')}"` : one)).join(",");
}
