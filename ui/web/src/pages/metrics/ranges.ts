// What part of x and y a chart shows.

import { quantile } from "./aggregate";
import type { Line } from "./panels";
import { type Points, placeOf } from "./series";
import type { Range } from "./state";

/** Of the values that are shown, this part at either end is taken for outliers. */
export const TRIMMED = 0.02;

/** All of x, over several charts, so that they can be read beside each other. */
export function xExtent(lines: readonly Line[], log: boolean): Range {
  let [low, high] = [Infinity, -Infinity];
  for (const line of lines) {
    for (const { x } of line.raw ? [line, line.raw] : [line]) {
      for (const value of x) {
        if (!Number.isFinite(value) || (log && value <= 0)) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
  }
  return opened(low, high, log);
}

export interface YRange {
  range: Range;
  /** How many of the points that are shown lie outside, as outliers. */
  outside: number;
}

/** The range of y that the lines take within a range of x. */
export function yExtent(lines: readonly Line[], x: Range, log: boolean, trimmed: boolean): YRange {
  if (trimmed) return trimmedExtent(lines, x, log);
  let [low, high] = [Infinity, -Infinity];
  visit(lines, x, log, true, (value) => {
    if (value < low) low = value;
    if (value > high) high = value;
  });
  return { range: padded(opened(low, high, log), 0.04, log), outside: 0 };
}

function trimmedExtent(lines: readonly Line[], x: Range, log: boolean): YRange {
  const values: number[] = [];
  visit(lines, x, log, false, (value) => values.push(value));
  const sorted = Float64Array.from(values).sort();
  const range = opened(quantile(sorted, TRIMMED), quantile(sorted, 1 - TRIMMED), log);
  const shown = padded(range, 0.04, log);
  const outside = placeOf(sorted, shown.low) + sorted.length - placeOf(sorted, shown.high, true);
  return { range: shown, outside };
}

/** Each value that can be seen within a range of x; with or without what stands faintly behind smoothed lines. */
function visit(
  lines: readonly Line[],
  range: Range,
  log: boolean,
  raw: boolean,
  see: (value: number) => void,
): void {
  const some = ({ x, y }: Points, sorted: boolean) => {
    const from = sorted ? placeOf(x, range.low) : 0;
    const to = sorted ? placeOf(x, range.high, true) : x.length;
    for (let place = from; place < to; place += 1) {
      const [here, value] = [x[place] as number, y[place] as number];
      if (!Number.isFinite(value) || (log && value <= 0)) continue;
      if (sorted || (here >= range.low && here <= range.high)) see(value);
    }
  };
  for (const line of lines) {
    some(line, line.sorted);
    if (line.raw && raw) some(line.raw, line.sorted);
    if (line.band) {
      some({ x: line.x, y: line.band.low }, true);
      some({ x: line.x, y: line.band.high }, true);
    }
  }
}

/** A range that has some width, around a single value or around nothing. */
export function opened(low: number, high: number, log: boolean): Range {
  if (!(low <= high)) return log ? { low: 0.1, high: 10 } : { low: 0, high: 1 };
  if (low < high) return { low, high };
  if (log) return { low: low / 2, high: high * 2 };
  const width = Math.abs(low) * 0.1 || 1;
  return { low: low - width, high: high + width };
}

export function padded({ low, high }: Range, part: number, log: boolean): Range {
  if (log) {
    const factor = (high / low) ** part;
    return { low: low / factor, high: high * factor };
  }
  const width = (high - low) * part;
  return { low: low - width, high: high + width };
}

/** The range about a place, made wider (factor above 1) or narrower: the place stays where it is. */
export function zoomed({ low, high }: Range, about: number, factor: number, log: boolean): Range {
  if (log) {
    const [from, at, to] = [Math.log(low), Math.log(about), Math.log(high)];
    return { low: Math.exp(at - (at - from) * factor), high: Math.exp(at + (to - at) * factor) };
  }
  return { low: about - (about - low) * factor, high: about + (high - about) * factor };
}
