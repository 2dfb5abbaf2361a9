// Many curves as one: a line through their middle and a band about it, on x that they share.

import type { Points } from "./series";
import type { Aggregate } from "./state";

export interface Aggregated extends Points {
  /** Null without a band. */
  band: { low: Float64Array; high: Float64Array } | null;
  /** How many curves reach each x. */
  counts: Uint32Array;
}

const PLACES = 600;

/** The line and the band of some curves; each is taken between its first and its last finite point, and nowhere else. */
export function aggregated(curves: readonly Points[], how: Aggregate, log: boolean): Aggregated {
  const finite = curves.map((points) => inOrder(points, log)).filter((points) => points.x.length > 0);
  const grid = sharedGrid(finite, PLACES, log);
  const rows = finite.map((points) => interpolated(points, grid));
  const middle = new Float64Array(grid.length);
  const low = new Float64Array(grid.length);
  const high = new Float64Array(grid.length);
  const counts = new Uint32Array(grid.length);
  const here = new Float64Array(rows.length);
  for (let place = 0; place < grid.length; place += 1) {
    let count = 0;
    for (const row of rows) {
      const value = row[place] as number;
      if (!Number.isNaN(value)) {
        here[count] = value;
        count += 1;
      }
    }
    const values = here.subarray(0, count);
    counts[place] = count;
    middle[place] = how.centre === "mean" ? mean(values) : quantile(values.slice().sort(), 0.5);
    [low[place], high[place]] = bandOf(values, middle[place] as number, how);
  }
  return { x: grid, y: middle, band: how.band === "none" ? null : { low, high }, counts };
}

/** The finite points in the order of x; where several share an x, their mean. */
function inOrder({ x, y }: Points, log: boolean): Points {
  const places: number[] = [];
  let sorted = true;
  for (let place = 0; place < x.length; place += 1) {
    const here = x[place] as number;
    if (!Number.isFinite(here) || !Number.isFinite(y[place] as number) || (log && here <= 0)) continue;
    const before = places[places.length - 1];
    if (before !== undefined && (x[before] as number) > here) sorted = false;
    places.push(place);
  }
  if (!sorted) places.sort((one, other) => (x[one] as number) - (x[other] as number));
  const [xs, ys]: [number[], number[]] = [[], []];
  let same = 0;
  for (const place of places) {
    const [here, value] = [x[place] as number, y[place] as number];
    const end = xs.length - 1;
    if (end >= 0 && xs[end] === here) {
      same += 1;
      ys[end] = (ys[end] as number) + (value - (ys[end] as number)) / (same + 1);
    } else {
      same = 0;
      xs.push(here);
      ys.push(value);
    }
  }
  return { x: Float64Array.from(xs), y: Float64Array.from(ys) };
}

/** All x that any curve has, or, where these are too many, as many at even distances. */
export function sharedGrid(curves: readonly Points[], limit: number, log: boolean): Float64Array {
  const all = new Set<number>();
  let [low, high] = [Infinity, -Infinity];
  for (const { x } of curves) {
    if (x.length === 0) continue;
    low = Math.min(low, x[0] as number);
    high = Math.max(high, x[x.length - 1] as number);
    if (all.size <= limit) for (const one of x) all.add(one);
  }
  if (all.size <= limit) return Float64Array.from(all).sort();
  const [from, to] = log ? [Math.log(low), Math.log(high)] : [low, high];
  const grid = Float64Array.from({ length: limit }, (_, place) => {
    const value = from + ((to - from) * place) / (limit - 1);
    return log ? Math.exp(value) : value;
  });
  // rounding must not put the ends beyond the curves
  grid[0] = low;
  grid[limit - 1] = high;
  return grid;
}

/** The curve's value at each x of the grid, on straight lines between its points; NaN before its first and behind its last. */
export function interpolated({ x, y }: Points, grid: Float64Array): Float64Array {
  const values = new Float64Array(grid.length).fill(Number.NaN);
  const end = x.length - 1;
  let left = 0;
  for (let place = 0; place < grid.length; place += 1) {
    const here = grid[place] as number;
    if (end < 0 || here < (x[0] as number) || here > (x[end] as number)) continue;
    while (left < end - 1 && (x[left + 1] as number) <= here) left += 1;
    const right = Math.min(left + 1, end);
    const [x0, x1] = [x[left] as number, x[right] as number];
    const [y0, y1] = [y[left] as number, y[right] as number];
    values[place] = here >= x1 ? y1 : y0 + (y1 - y0) * ((here - x0) / (x1 - x0));
  }
  return values;
}

function bandOf(values: Float64Array, middle: number, how: Aggregate): [number, number] {
  switch (how.band) {
    case "range":
      return [quantile(values.slice().sort(), 0), quantile(values.slice().sort(), 1)];
    case "quartiles": {
      const sorted = values.slice().sort();
      return [quantile(sorted, 0.25), quantile(sorted, 0.75)];
    }
    case "deviation":
    case "error": {
      const size = deviation(values) / (how.band === "error" ? Math.sqrt(values.length) : 1);
      return [middle - size, middle + size];
    }
    default:
      return [middle, middle];
  }
}

function mean(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** The sample's standard deviation; 0 of a single value. */
function deviation(values: Float64Array): number {
  if (values.length < 2) return 0;
  const middle = mean(values);
  let sum = 0;
  for (const value of values) sum += (value - middle) ** 2;
  return Math.sqrt(sum / (values.length - 1));
}

/** A quantile of sorted values, on straight lines between them. */
export function quantile(sorted: Float64Array, part: number): number {
  const at = (sorted.length - 1) * part;
  const left = Math.floor(at);
  const [low, high] = [sorted[left], sorted[Math.ceil(at)]];
  if (low === undefined || high === undefined) return Number.NaN;
  return low === high ? low : low + (high - low) * (at - left);
}
