// All lines of a chart, on a canvas of their own: the last picture stays until the next one is finished.

import type { Line } from "./panels";
import { drawLine, type Frame, type Weight } from "./pen";
import type { Range } from "./state";
import { FAR, type Projection, project } from "./trace";
import { begin, drop, finish, type Work } from "./turns";

/** What is to be drawn: the lines, and the part of x and y that they are drawn in. */
export interface Subject {
  lines: readonly Line[];
  x: Range;
  y: Range;
}

interface Picture {
  canvas: HTMLCanvasElement;
  subject: Subject;
}

const DRAWN = "runstone lines";
/** Milliseconds that a part of the work should take. */
const PART = 5;

export class Sheet {
  #shown: Picture | null = null;
  #next: Picture | null = null;
  #work: Work | null = null;
  #probe = document.createElement("canvas").getContext("2d");

  /** `changed` is called when there is more to be seen than before. */
  constructor(private readonly changed: () => void) {}

  /** Draw something, unless it is what is drawn already. At once if it is little, else bit by bit. */
  draw(subject: Subject, frame: Frame, width: number, height: number): void {
    const newest = this.#next ?? this.#shown;
    if (newest && isSame(newest.subject, subject)) {
      const { canvas } = newest;
      if (canvas.width === width && canvas.height === height) return;
    }
    this.stop();
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    this.#next = { canvas, subject };
    this.#work = this.#drawing(this.#next, frame);
    begin(this.#work);
  }

  /** Put the picture where it belongs in a frame: while a newer one is drawn, stretched to its part of x and y. */
  put(context: CanvasRenderingContext2D, { px, py }: Frame): void {
    const picture = this.#shown ?? this.#next;
    if (picture === null || picture.canvas.width === 0 || picture.canvas.height === 0) return;
    const { x, y } = picture.subject;
    const [left, width] = stretch(px, x);
    const [bottom, height] = stretch(py, y);
    // too far away to be stretched, or in no place at all
    if (![left, width, bottom, height].every((pixels) => Math.abs(pixels) < FAR)) return;
    context.drawImage(picture.canvas, left, bottom + height, width, -height);
  }

  /** Draw all that is left now. */
  finish(): void {
    if (this.#work) finish(this.#work);
  }

  /** Draw no more. */
  stop(): void {
    if (this.#work) drop(this.#work);
    this.#work = null;
    this.#next = null;
  }

  *#drawing(picture: Picture, frame: Frame): Generator<void> {
    const context = picture.canvas.getContext("2d");
    if (context === null) return;
    const { lines } = picture.subject;
    const weight = weightFor(lines.length);
    let [began, some, drawn] = [performance.now(), 1, 0];
    for (const line of lines) {
      drawLine(context, line, frame, weight);
      drawn += 1;
      if (drawn < some) continue;
      // canvases put off the work until somebody looks
      if (picture.canvas.width > 0 && picture.canvas.height > 0)
        this.#probe?.drawImage(picture.canvas, 0, 0, 1, 1, 0, 0, 1, 1);
      const took = performance.now() - began;
      some = Math.max(1, Math.min(some * 2, Math.round((drawn * PART) / Math.max(took, 0.1))));
      yield;
      if (this.#shown === null) this.changed();
      [began, drawn] = [performance.now(), 0];
    }
    this.#shown = picture;
    this.#next = null;
    this.#work = null;
    this.changed();
    // for a browser's profiler, and for tools/bench/browsing.py; only the newest is kept
    performance.clearMarks(DRAWN);
    performance.mark(DRAWN, { detail: { lines: lines.length } });
  }
}

/** Where a range begins on an axis, and how long it is there. */
function stretch(projection: Projection, range: Range): [number, number] {
  if (isRange(range, projection.range)) return [projection.from, projection.to - projection.from];
  const from = project(projection, range.low);
  return [from, project(projection, range.high) - from];
}

function isSame(one: Subject, other: Subject): boolean {
  return one.lines === other.lines && isRange(one.x, other.x) && isRange(one.y, other.y);
}

function isRange(one: Range, other: Range): boolean {
  return one.low === other.low && one.high === other.high;
}

/** Many lines are drawn thinner, so that they can be told apart. */
function weightFor(lines: number): Weight {
  if (lines <= 12) return { width: 1.6, alpha: 1 };
  return lines <= 60 ? { width: 1.2, alpha: 0.9 } : { width: 1, alpha: 0.75 };
}
