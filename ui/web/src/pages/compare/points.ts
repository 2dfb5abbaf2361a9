// Where the runs are in a scatter plot.

import type { Tagged } from "../../api/types";
import { asNumber } from "../../api/values";
import { type Axis, nameOn, placer } from "./axis";
import { type Trend, trendOf } from "./trend";

export interface Points {
  /** From 0 to 1, from the left and from below; NaN for runs that are not shown. */
  x: Float64Array;
  y: Float64Array;
}

/** The places of the runs. Where many share one, as in a category, they are spread a little, always in the same way. */
export function pointsFor(
  hashes: readonly string[],
  shown: (place: number) => boolean,
  [xAxis, xs]: [Axis, readonly Tagged[]],
  [yAxis, ys]: [Axis, readonly Tagged[]],
): Points {
  const [x, y] = [new Float64Array(hashes.length), new Float64Array(hashes.length)];
  const [placeX, placeY] = [placer(xAxis), placer(yAxis)];
  const [roomX, roomY] = [spread(xAxis), spread(yAxis)];
  hashes.forEach((hash, place) => {
    if (!shown(place)) {
      x[place] = Number.NaN;
      y[place] = Number.NaN;
      return;
    }
    const [left, right] = noise(hash);
    x[place] = placeX(xs[place]) + (nameOn(xAxis, xs[place]) === null ? 0 : left * roomX);
    y[place] = placeY(ys[place]) + (nameOn(yAxis, ys[place]) === null ? 0 : right * roomY);
  });
  return { x, y };
}

function spread(axis: Axis): number {
  const categories = axis.categories.length;
  return Math.min(0.022, categories > 0 ? ((1 - axis.base) / categories) * 0.3 : 0.022);
}

/** Two numbers from -1 to 1 that a hash always gives. */
function noise(hash: string): [number, number] {
  let sum = 0x811c9dc5;
  for (let place = 0; place < hash.length; place += 1)
    sum = Math.imul(sum ^ hash.charCodeAt(place), 0x01000193);
  return [((sum >>> 16) & 0xffff) / 0x7fff - 1, (sum & 0xffff) / 0x7fff - 1];
}

/** The nearest point within reach, all in pixels; null if there is none. */
export function nearestPoint(
  points: Points,
  left: number,
  top: number,
  width: number,
  height: number,
  reach: number,
): number | null {
  let [best, distance] = [-1, reach];
  for (let place = 0; place < points.x.length; place += 1) {
    const x = (points.x[place] as number) * width;
    const y = (1 - (points.y[place] as number)) * height;
    const here = Math.hypot(x - left, y - top);
    if (here <= distance) [best, distance] = [place, here];
  }
  return best < 0 ? null : best;
}

/** The trend of what is shown, on the scales of the axes; null where an axis has categories. */
export function trendFor(
  shown: (place: number) => boolean,
  [xAxis, xs]: [Axis, readonly Tagged[]],
  [yAxis, ys]: [Axis, readonly Tagged[]],
): Trend | null {
  if (xAxis.range === null || yAxis.range === null) return null;
  const scaled = (axis: Axis, values: readonly Tagged[]) =>
    values.map((value, place) => {
      const number = shown(place) && nameOn(axis, value) === null ? asNumber(value) : null;
      return number === null ? Number.NaN : axis.log ? Math.log10(number) : number;
    });
  return trendOf(scaled(xAxis, xs), scaled(yAxis, ys));
}
