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
  const values: number[] = [];
  for (const line of lines) {
    collect(values, line, line.sorted, x, log);
    if (line.raw && !trimmed) collect(values, line.raw, line.sorted, x, log);
    if (line.band) {
      collect(values, { x: line.x, y: line.band.low }, true, x, log);
      collect(values, { x: line.x, y: line.band.high }, true, x, log);
    }
  }
  if (!trimmed) {
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return { range: padded(opened(low, high, log), 0.04, log), outside: 0 };
  }
  const sorted = Float64Array.from(values).sort();
  const range = opened(quantile(sorted, TRIMMED), quantile(sorted, 1 - TRIMMED), log);
  const shown = padded(range, 0.04, log);
  const outside = placeOf(sorted, shown.low) + sorted.length - placeOf(sorted, shown.high, true);
  return { range: shown, outside };
}

function collect(values: number[], { x, y }: Points, sorted: boolean, range: Range, log: boolean): void {
  const from = sorted ? placeOf(x, range.low) : 0;
  const to = sorted ? placeOf(x, range.high, true) : x.length;
  for (let place = from; place < to; place += 1) {
    const value = y[place] as number;
    if (!Number.isFinite(value) || (log && value <= 0)) continue;
    if (!sorted && !((x[place] as number) >= range.low && (x[place] as number) <= range.high)) continue;
    values.push(value);
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
