// Lines, bands and marks on a canvas.

import type { Line } from "./panels";
import { type Points, placeOf } from "./series";
import { type Projection, project, trace } from "./trace";

export interface Frame {
  px: Projection;
  py: Projection;
  /** Pixels of the canvas for one of the page. */
  ratio: number;
}

export interface Weight {
  width: number;
  alpha: number;
}

/** With fewer points in sight than this for each 100 pixels, each of them is marked. */
const SPARSE = 3;
/** With more corners than this for each pixel of the canvas in x, a line is stroked finely. */
const DENSE = 0.5;

/** Draw all that a line has: its band, what was tracked behind it, itself, and marks. */
export function drawLine(context: CanvasRenderingContext2D, line: Line, frame: Frame, weight: Weight): void {
  context.save();
  context.strokeStyle = line.colour;
  context.fillStyle = line.colour;
  context.lineJoin = "round";
  if (line.band) drawBand(context, line.x, line.band, frame, weight.alpha * 0.16);
  if (line.raw) stroke(context, line.raw, line.sorted, frame, weight.width * 0.8, weight.alpha * 0.25, []);
  stroke(context, line, line.sorted, frame, weight.width, weight.alpha, line.dash);
  context.restore();
}

function stroke(
  context: CanvasRenderingContext2D,
  points: Points,
  sorted: boolean,
  frame: Frame,
  width: number,
  alpha: number,
  dash: readonly number[],
): void {
  const { px, py, ratio } = frame;
  const path = new Path2D();
  const { lone, broken, corners } = trace(path, points, sorted, px, py);
  context.setLineDash(dash.map((part) => part * ratio));
  const isDense = corners > Math.abs(px.to - px.from) * DENSE;
  if (isDense) strokeFinely(context, path, width * ratio, alpha);
  else {
    context.lineWidth = width * ratio;
    context.globalAlpha = alpha;
    context.stroke(path);
  }
  context.setLineDash([]);
  context.globalAlpha = alpha;
  context.beginPath();
  const radius = (width * 0.6 + 1.2) * ratio;
  for (let place = 0; place < lone.length; place += 2)
    dot(context, lone[place] as number, lone[place + 1] as number, radius);
  if (isSparse(points, sorted, px, ratio)) {
    for (let place = 0; place < points.x.length; place += 1) {
      const left = project(px, points.x[place] as number);
      if (left >= px.from && left <= px.to)
        dot(context, left, project(py, points.y[place] as number), radius);
    }
  }
  context.fill();
  drawBroken(context, broken, py.from, ratio);
}

/**
 * Stroke a path of very many corners as lines of one pixel beside each other, aslant, so that level and steep parts
 * become as wide. Browsers draw those as lines; what is wider they draw as the outline of an area, which takes ten times as
 * long.
 */
function strokeFinely(context: CanvasRenderingContext2D, path: Path2D, width: number, alpha: number): void {
  const times = Math.max(1, Math.ceil(width - 0.3));
  const spread = times === 1 ? 0 : width - 1;
  context.lineWidth = 1;
  // where they lie above each other, they come to what is wanted
  context.globalAlpha = 1 - (1 - alpha) ** (1 / times);
  for (let time = 0; time < times; time += 1) {
    const aside = times === 1 ? 0 : (time / (times - 1) - 0.5) * spread;
    context.translate(aside, -aside);
    context.stroke(path);
    context.translate(-aside, aside);
  }
}

function isSparse({ x }: Points, sorted: boolean, px: Projection, ratio: number): boolean {
  const limit = (Math.abs(px.to - px.from) / ratio / 100) * SPARSE;
  if (!sorted || x.length <= limit) return x.length <= limit;
  return placeOf(x, px.range.high, true) - placeOf(x, px.range.low) <= limit;
}

function dot(context: CanvasRenderingContext2D, left: number, top: number, radius: number): void {
  if (!Number.isFinite(left) || !Number.isFinite(top)) return;
  context.moveTo(left + radius, top);
  context.arc(left, top, radius, 0, 2 * Math.PI);
}

/** A small cross at the lower edge where a value is none that can be drawn. */
function drawBroken(
  context: CanvasRenderingContext2D,
  places: number[],
  bottom: number,
  ratio: number,
): void {
  if (places.length === 0) return;
  const [size, top] = [2.5 * ratio, bottom - 5 * ratio];
  context.lineWidth = 1.2 * ratio;
  context.beginPath();
  let before = -Infinity;
  for (const left of places) {
    if (left - before < 2 * size) continue;
    before = left;
    context.moveTo(left - size, top - size);
    context.lineTo(left + size, top + size);
    context.moveTo(left - size, top + size);
    context.lineTo(left + size, top - size);
  }
  context.stroke();
}

function drawBand(
  context: CanvasRenderingContext2D,
  x: Float64Array,
  band: { low: Float64Array; high: Float64Array },
  { px, py }: Frame,
  alpha: number,
): void {
  context.globalAlpha = alpha;
  context.beginPath();
  const bottom = py.from;
  const level = (value: number) => {
    const top = project(py, value);
    // what a logarithmic scale has no place for lies below all that it shows
    return Number.isNaN(top) ? bottom : top;
  };
  for (let place = 0; place < x.length; place += 1)
    context.lineTo(project(px, x[place] as number), level(band.high[place] as number));
  for (let place = x.length - 1; place >= 0; place -= 1)
    context.lineTo(project(px, x[place] as number), level(band.low[place] as number));
  context.closePath();
  context.fill();
}

/** A ring about a point. */
export function drawRing(
  context: CanvasRenderingContext2D,
  left: number,
  top: number,
  colour: string,
  ground: string,
  ratio: number,
): void {
  if (!Number.isFinite(left) || !Number.isFinite(top)) return;
  context.beginPath();
  context.arc(left, top, 4 * ratio, 0, 2 * Math.PI);
  context.fillStyle = ground;
  context.fill();
  context.lineWidth = 2 * ratio;
  context.strokeStyle = colour;
  context.stroke();
}
