// One curve as the page knows it: what the server sent of all of it, and of the part that is looked at closely.

import type { Curve } from "../../api/columns";
import type { Context, Tagged } from "../../api/types";
import type { Range } from "./state";

export interface Points {
  x: Float64Array;
  y: Float64Array;
}

export interface Summary {
  min: number;
  max: number;
  last: number;
}

export interface Series extends Points {
  /** Short, the same for the same sequence wherever and whenever it is shown. */
  id: string;
  curve: Curve;
  smoothed: Points | null;
  /** Whether every point in the range that is shown is here. */
  exact: boolean;
  /** How many points there are in the range that is shown, here or not. */
  count: number;
  /** Whether x never falls. */
  sorted: boolean;
  /** Of the whole curve; NaN where no point is finite. */
  summary: Summary;
}

/** The series of an answer. `detail` is the answer for `range` alone; where it has a curve, it is put in its place. */
export function seriesOf(whole: readonly Curve[], detail: readonly Curve[], range: Range | null): Series[] {
  const closer = new Map(detail.map((curve) => [identity(curve), curve]));
  return whole.map((curve) => {
    const id = identity(curve);
    const part = range && !curve.exact ? closer.get(id) : undefined;
    const sorted = isSorted(curve.x) && (!part || isSorted(part.x));
    const points = part && range ? spliced(curve, part, range, sorted) : curve;
    const smoothed =
      part?.smoothed && curve.smoothed && range
        ? spliced(curve.smoothed, part.smoothed, range, sorted)
        : curve.smoothed;
    return {
      id,
      curve,
      x: points.x,
      y: points.y,
      smoothed,
      exact: part ? part.exact : curve.exact,
      count: part ? part.count : curve.count,
      sorted,
      summary: summarised(curve.y),
    };
  });
}

export function identity(curve: { run: string; name: string; context: Context }): string {
  return shortened(`${curve.run}\n${curve.name}\n${ordered(curve.context)}`);
}

/** A text's digest in few letters, to be put into addresses: 53 bits, which is enough to tell thousands apart. */
export function shortened(text: string): string {
  let [one, two] = [0x9e3779b9, 0x85ebca6b];
  for (let place = 0; place < text.length; place += 1) {
    const code = text.charCodeAt(place);
    one = Math.imul(one ^ code, 0x01000193);
    two = Math.imul(two ^ (code + place), 0xcc9e2d51);
    two = (two << 13) | (two >>> 19);
  }
  one = Math.imul(one ^ (two >>> 15), 0x2c1b3c6d);
  two = Math.imul(two ^ (one >>> 13), 0x297a2d39);
  return ((two >>> 0) * 0x200000 + ((one >>> 11) & 0x1fffff)).toString(36);
}

/** JSON in which the order of keys does not matter. */
function ordered(value: Tagged): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(ordered).join(",")}]`;
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${ordered(value[key] ?? null)}`).join(",")}}`;
}

export function isSorted(x: Float64Array): boolean {
  for (let place = 1; place < x.length; place += 1) {
    if ((x[place] as number) < (x[place - 1] as number)) return false;
  }
  return true;
}

/** The first place whose x is not below `value` (or with `behind`, above it), in an x that never falls. */
export function placeOf(x: Float64Array, value: number, behind = false): number {
  let [low, high] = [0, x.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const here = x[middle] as number;
    if (behind ? here <= value : here < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The whole curve outside of the range, and the closer look inside of it: lines go on to the edges. */
function spliced(whole: Points, part: Points, range: Range, sorted: boolean): Points {
  if (!sorted) return part;
  const from = placeOf(whole.x, range.low);
  const to = placeOf(whole.x, range.high, true);
  const length = from + part.x.length + whole.x.length - to;
  const join = (before: Float64Array, inside: Float64Array) => {
    const joined = new Float64Array(length);
    joined.set(before.subarray(0, from));
    joined.set(inside, from);
    joined.set(before.subarray(to), from + inside.length);
    return joined;
  };
  return { x: join(whole.x, part.x), y: join(whole.y, part.y) };
}

export function summarised(y: Float64Array): Summary {
  let [min, max] = [Infinity, -Infinity];
  for (const value of y) {
    if (!Number.isFinite(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const last = y[y.length - 1] ?? Number.NaN;
  return min > max ? { min: Number.NaN, max: Number.NaN, last } : { min, max, last };
}
