// A line in pixels: no more of it than the screen can show.

import { type Points, placeOf } from "./series";
import type { Range } from "./state";

/** From values to pixels, along one axis. */
export interface Projection {
  range: Range;
  log: boolean;
  /** Where the range begins and ends. */
  from: number;
  to: number;
}

export interface Sink {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
}

export interface Traced {
  /** Points without a neighbour to draw a line to: x and y in turn. */
  lone: number[];
  /** Where in x there are points whose y is not a number that can be drawn. */
  broken: number[];
}

// further out, canvases draw lines in wrong places
const FAR = 1e6;
// columns with more points than this are drawn as their first, lowest, highest and last
const MANY = 4;

/** The pixel of a value; NaN where the scale has no place for it. */
export function project({ range, log, from, to }: Projection, value: number): number {
  const part = log
    ? value > 0
      ? Math.log(value / range.low) / Math.log(range.high / range.low)
      : Number.NaN
    : (value - range.low) / (range.high - range.low);
  const place = from + (to - from) * part;
  return Math.min(Math.max(place, -FAR), FAR);
}

/** The value at a pixel. */
export function unproject({ range, log, from, to }: Projection, pixel: number): number {
  const part = (pixel - from) / (to - from);
  return log ? range.low * (range.high / range.low) ** part : range.low + (range.high - range.low) * part;
}

/**
 * Draw a line into a path. Points that share a column of pixels are drawn as the first, the lowest, the highest and the
 * last of them, which gives the same picture. A point that is not finite breaks the line.
 */
export function trace(sink: Sink, points: Points, sorted: boolean, px: Projection, py: Projection): Traced {
  const { x, y } = points;
  const traced: Traced = { lone: [], broken: [] };
  // one more on each side, so that lines reach the edges
  let start = sorted ? Math.max(placeOf(x, px.range.low) - 1, 0) : 0;
  const end = sorted ? Math.min(placeOf(x, px.range.high, true) + 1, x.length) : x.length;
  let drawn = 0;
  let [lastX, lastY] = [0, 0];
  const stop = () => {
    if (drawn === 1) traced.lone.push(lastX, lastY);
    drawn = 0;
  };
  const step = (left: number, top: number) => {
    if (drawn === 0) sink.moveTo(left, top);
    else sink.lineTo(left, top);
    drawn += 1;
    lastX = left;
    lastY = top;
  };
  while (start < end) {
    const left = project(px, x[start] as number);
    const top = project(py, y[start] as number);
    if (Number.isNaN(left) || !Number.isFinite(y[start] as number) || Number.isNaN(top)) {
      stop();
      if (!Number.isNaN(left)) traced.broken.push(left);
      start += 1;
      continue;
    }
    const next = sorted ? columnEnd(points, start, end, left, px, py) : start + 1;
    if (next - start <= MANY) {
      for (let place = start; place < next; place += 1)
        step(project(px, x[place] as number), project(py, y[place] as number));
    } else {
      for (const place of corners(y, start, next))
        step(project(px, x[place] as number), project(py, y[place] as number));
    }
    start = next;
  }
  stop();
  return traced;
}

/** Behind the points that can be drawn in the same column of pixels as the first of them. */
function columnEnd(
  { x, y }: Points,
  start: number,
  end: number,
  left: number,
  px: Projection,
  py: Projection,
): number {
  const column = Math.floor(left);
  let place = start + 1;
  while (place < end) {
    const value = y[place] as number;
    if (!Number.isFinite(value) || (py.log && value <= 0)) break;
    if (Math.floor(project(px, x[place] as number)) !== column) break;
    place += 1;
  }
  return place;
}

/** The first, the lowest, the highest and the last of some places, in their order. */
function corners(y: Float64Array, start: number, end: number): number[] {
  let [low, high] = [start, start];
  for (let place = start; place < end; place += 1) {
    if ((y[place] as number) < (y[low] as number)) low = place;
    if ((y[place] as number) > (y[high] as number)) high = place;
  }
  return [...new Set([start, Math.min(low, high), Math.max(low, high), end - 1])];
}
