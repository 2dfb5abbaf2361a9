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
  /** How many corners the path has. */
  corners: number;
}

// further out, canvases draw lines in wrong places
export const FAR = 1e6;
// columns with more points than this are drawn as their first, lowest, highest and last
const MANY = 4;

/** The pixel of a value; NaN where the scale has no place for it. */
export function project(projection: Projection, value: number): number {
  return projector(projection)(value);
}

/** As `project`, for many values: what they have in common is computed once. */
export function projector({ range, log, from, to }: Projection): (value: number) => number {
  const near = (place: number) => Math.min(Math.max(place, -FAR), FAR);
  if (!log) {
    const scale = (to - from) / (range.high - range.low);
    return (value) => near(from + (value - range.low) * scale);
  }
  const start = Math.log(range.low);
  const scale = (to - from) / (Math.log(range.high) - start);
  return (value) => (value > 0 ? near(from + (Math.log(value) - start) * scale) : Number.NaN);
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
  const [toX, toY] = [projector(px), projector(py)];
  const traced: Traced = { lone: [], broken: [], corners: 0 };
  // one more on each side, so that lines reach the edges
  let start = sorted ? Math.max(placeOf(x, px.range.low) - 1, 0) : 0;
  const end = sorted ? Math.min(placeOf(x, px.range.high, true) + 1, x.length) : x.length;
  let drawn = 0;
  let [lastX, lastY] = [0, 0];
  const stop = () => {
    if (drawn === 1) traced.lone.push(lastX, lastY);
    drawn = 0;
  };
  const step = (place: number) => {
    lastX = toX(x[place] as number);
    lastY = toY(y[place] as number);
    if (drawn === 0) sink.moveTo(lastX, lastY);
    else sink.lineTo(lastX, lastY);
    drawn += 1;
    traced.corners += 1;
  };
  const isDrawn = (value: number) => Number.isFinite(value) && (value > 0 || !py.log);
  while (start < end) {
    const left = toX(x[start] as number);
    if (Number.isNaN(left) || !isDrawn(y[start] as number)) {
      stop();
      if (!Number.isNaN(left)) traced.broken.push(left);
      start += 1;
      continue;
    }
    // behind the points that share the first one's column
    let next = start + 1;
    if (sorted) {
      const column = Math.floor(left);
      while (next < end && Math.floor(toX(x[next] as number)) === column && isDrawn(y[next] as number))
        next += 1;
    }
    if (next - start > MANY) for (const place of corners(y, start, next)) step(place);
    else for (let place = start; place < next; place += 1) step(place);
    start = next;
  }
  stop();
  return traced;
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
