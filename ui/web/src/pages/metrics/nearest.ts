// Which line is under the cursor, and where.

import type { Line } from "./panels";
import { type Points, placeOf } from "./series";
import { type Projection, project, unproject } from "./trace";

export interface Hit {
  line: Line;
  /** The place of the point in the line that is nearest to the cursor in x. */
  place: number;
  distance: number;
}

/** The line that passes nearest to a pixel, if one does within `reach`. */
export function nearest(
  lines: readonly Line[],
  left: number,
  top: number,
  px: Projection,
  py: Projection,
  reach: number,
): Hit | null {
  let best: Hit | null = null;
  for (const line of lines) {
    const found = line.sorted ? onLine(line, left, top, px, py) : amongPoints(line, left, top, px, py);
    if (found && found.distance <= (best ? best.distance : reach)) best = { line, ...found };
  }
  return best;
}

type Found = { place: number; distance: number };

function onLine(line: Line, left: number, top: number, px: Projection, py: Projection): Found | null {
  const here = unproject(px, left);
  const place = pointAt(line, here);
  if (place === null) return null;
  const behind = placeOf(line.x, here);
  let distance = Infinity;
  // a steep neighbour may pass nearer than the part right above the cursor
  for (let end = Math.max(behind - 1, 0); end <= Math.min(behind + 1, line.x.length - 1); end += 1)
    distance = Math.min(distance, toPart(line, end, left, top, px, py));
  return Number.isFinite(distance) ? { place, distance } : null;
}

/** How far it is to a point and to the line that leads to it. */
function toPart(line: Line, end: number, left: number, top: number, px: Projection, py: Projection): number {
  const start = Math.max(end - 1, 0);
  const [ax, ay] = [project(px, line.x[start] as number), project(py, line.y[start] as number)];
  const [bx, by] = [project(px, line.x[end] as number), project(py, line.y[end] as number)];
  if (Number.isFinite(ay) && Number.isFinite(by)) return toSegment(left, top, ax, ay, bx, by);
  return Number.isFinite(by) ? Math.hypot(bx - left, by - top) : Infinity;
}

function amongPoints(
  { x, y }: Line,
  left: number,
  top: number,
  px: Projection,
  py: Projection,
): Found | null {
  let best: Found | null = null;
  for (let place = 0; place < x.length; place += 1) {
    const distance = Math.hypot(
      project(px, x[place] as number) - left,
      project(py, y[place] as number) - top,
    );
    if (distance < (best?.distance ?? Infinity)) best = { place, distance };
  }
  return best;
}

function toSegment(x: number, y: number, ax: number, ay: number, bx: number, by: number): number {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const part = length === 0 ? 0 : Math.min(Math.max(((x - ax) * dx + (y - ay) * dy) / length, 0), 1);
  return Math.hypot(ax + dx * part - x, ay + dy * part - y);
}

/** The point of a line whose x is nearest to a value; null beyond its ends by more than the gap to its neighbour. */
export function pointAt({ x, sorted }: Points & { sorted: boolean }, value: number): number | null {
  if (x.length === 0) return null;
  if (!sorted) {
    let best = 0;
    for (let place = 1; place < x.length; place += 1)
      if (Math.abs((x[place] as number) - value) < Math.abs((x[best] as number) - value)) best = place;
    return best;
  }
  const behind = Math.min(placeOf(x, value), x.length - 1);
  const before = Math.max(behind - 1, 0);
  const nearer =
    value - (x[before] as number) < (x[behind] as number) - value || value < (x[before] as number)
      ? before
      : behind;
  const [first, last] = [x[0] as number, x[x.length - 1] as number];
  const gap = x.length > 1 ? (last - first) / (x.length - 1) : 0;
  if (value < first - gap || value > last + gap) return x.length === 1 ? nearer : null;
  return nearer;
}
