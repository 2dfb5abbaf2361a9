// One chart on the page: uPlot's axes and cursor, our lines, and what is highlighted above them.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { showNumber } from "../../api/values";
import { type Look, plotOptions } from "./axes";
import { type Hit, nearest, pointAt } from "./nearest";
import type { Line } from "./panels";
import { drawLine, drawRing, type Frame } from "./pen";
import { zoomed } from "./ranges";
import { Sheet, type Subject } from "./sheet";
import type { Stage } from "./stage";
import type { Range } from "./state";
import { xText } from "./ticks";
import { type Remark, Tooltip } from "./tooltip";
import { project, unproject } from "./trace";

export type Scene = Subject;

export interface Reactions {
  /** The reader has chosen a part: null where a side stays as it is. */
  zoom: (x: Range | null, y: Range | null) => void;
  reset: () => void;
  /** The reader turns the wheel: x changes now, for all charts. */
  turn: (x: Range) => void;
  /** What is under the cursor, for those who hear it. */
  say: (text: string) => void;
}

const REACH = 40;

export class Drawing {
  #plot: uPlot;
  #overlay = document.createElement("canvas");
  #tooltip: Tooltip;
  #scene: Scene;
  #inside = false;
  /** The line that the keyboard has chosen. */
  #chosen: string | null = null;
  #sheet = new Sheet(() => this.#plot.redraw(false));
  /** Where the wheel has turned to, until that is drawn. */
  #turned: Range | null = null;
  #unwatch: () => void;

  constructor(
    private readonly host: HTMLElement,
    private readonly look: Look,
    private readonly ground: string,
    private readonly stage: Stage,
    private readonly reactions: Reactions,
    scene: Scene,
    width: number,
    height: number,
  ) {
    this.#scene = scene;
    const wiring = {
      x: () => this.#scene.x,
      y: () => this.#scene.y,
      sync: "metrics",
      draw: () => this.#draw(),
      cursor: () => this.#moved(),
      select: () => this.#selected(),
      reset: reactions.reset,
    };
    this.#plot = new uPlot(plotOptions(look, wiring, width, height), this.#data(), host);
    const { over } = this.#plot;
    this.#overlay.style.cssText = "position:absolute;inset:0;width:100%;height:100%;pointer-events:none";
    over.append(this.#overlay);
    this.#tooltip = new Tooltip(over);
    over.addEventListener("pointerenter", this.#enter);
    over.addEventListener("pointerleave", this.#leave);
    over.addEventListener("pointermove", this.#touch);
    host.addEventListener("wheel", this.#wheel, { passive: false });
    this.#unwatch = stage.watch(() => this.#highlight());
  }

  destroy(): void {
    this.#unwatch();
    this.#sheet.stop();
    this.host.removeEventListener("wheel", this.#wheel);
    this.#plot.destroy();
  }

  show(scene: Scene): void {
    this.#scene = scene;
    this.#turned = null;
    this.#plot.setData(this.#data());
    this.#highlight();
  }

  /** Another part of x, at once. */
  turn(x: Range): void {
    this.#turned = x;
    this.#scene = { ...this.#scene, x };
    this.#plot.setData(this.#data());
    this.#highlight();
  }

  resize(width: number, height: number): void {
    if (this.#plot.width === width && this.#plot.height === height) return;
    this.#plot.setSize({ width, height });
    this.#highlight();
  }

  /** The canvas as it is, without what is highlighted. */
  get canvas(): HTMLCanvasElement {
    this.#plot.batch(() => this.#sheet.finish());
    return this.#plot.ctx.canvas;
  }

  /** Put the cursor somewhere, in all charts. */
  #cursorTo(left: number, top: number): void {
    // the third argument, which tells the other charts, is missing in uPlot's types
    const set: (place: { left: number; top: number }, fire: boolean, publish: boolean) => void =
      this.#plot.setCursor;
    set({ left, top }, true, true);
  }

  #data(): uPlot.AlignedData {
    const { x, y } = this.#scene;
    return [
      [x.low, x.high],
      [y.low, y.high],
    ];
  }

  /** From values to pixels of the canvas, or, for the overlay, to pixels from the corner of the inner part. */
  #frame(inner: boolean): Frame {
    const { bbox } = this.#plot;
    const ratio = window.devicePixelRatio || 1;
    const [left, top] = inner ? [0, 0] : [bbox.left, bbox.top];
    const { x, y } = this.#scene;
    return {
      px: { range: x, log: this.look.logX, from: left, to: left + bbox.width },
      py: { range: y, log: this.look.logY, from: top + bbox.height, to: top },
      ratio,
    };
  }

  /** As `#frame` for the inner part, in pixels of the page. */
  #places(): Frame {
    const { clientWidth, clientHeight } = this.#plot.over;
    const frame = this.#frame(true);
    return {
      px: { ...frame.px, to: clientWidth },
      py: { ...frame.py, from: clientHeight },
      ratio: 1,
    };
  }

  #draw(): void {
    const { ctx, bbox } = this.#plot;
    // while the wheel turns, the picture that is there is stretched: lines are drawn when it has come to rest
    if (this.#turned === null) this.#sheet.draw(this.#scene, this.#frame(true), bbox.width, bbox.height);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    this.#sheet.put(ctx, this.#frame(false));
    ctx.restore();
  }

  #highlight(): void {
    const { kin, line: chosen, x } = this.stage.attention;
    const { bbox } = this.#plot;
    const context = this.#overlay.getContext("2d");
    if (context === null) return;
    if (this.#overlay.width !== bbox.width) this.#overlay.width = bbox.width;
    if (this.#overlay.height !== bbox.height) this.#overlay.height = bbox.height;
    context.clearRect(0, 0, bbox.width, bbox.height);
    const lines = kin === null ? [] : this.#scene.lines.filter((line) => line.kin === kin);
    if (lines.length === 0) return;
    const frame = this.#frame(true);
    if (this.#scene.lines.length > lines.length) {
      context.globalAlpha = 0.7;
      context.fillStyle = this.ground;
      context.fillRect(0, 0, bbox.width, bbox.height);
      context.globalAlpha = 1;
    }
    const alone = lines.filter((line) => line.id === chosen);
    for (const line of lines)
      drawLine(context, line, frame, { width: line.id === chosen ? 2.4 : 1.8, alpha: 1 });
    if (x === null) return;
    for (const line of alone.length > 0 ? alone : lines) {
      const place = pointAt(line, x);
      if (place === null) continue;
      const [left, top] = [
        project(frame.px, line.x[place] as number),
        project(frame.py, line.y[place] as number),
      ];
      drawRing(context, left, top, line.colour, this.ground, frame.ratio);
    }
  }

  #moved(): void {
    const { left = -1, top = -1 } = this.#plot.cursor;
    if (!this.#inside && this.#chosen === null) return;
    if (left < 0) {
      this.#tooltip.hide();
      return;
    }
    const places = this.#places();
    const hit =
      this.#chosen === null
        ? nearest(this.#scene.lines, left, top, places.px, places.py, REACH)
        : this.#hitOf(this.#chosen, unproject(places.px, left));
    const x = unproject(places.px, left);
    this.stage.attend({ x, kin: hit?.line.kin ?? null, line: hit?.line.id ?? null });
    if (hit === null) {
      this.#tooltip.hide();
      return;
    }
    const beside = project(places.py, hit.line.y[hit.place] as number);
    this.#tooltip.show(this.#remark(hit), left, this.#chosen === null || Number.isNaN(beside) ? top : beside);
  }

  #hitOf(id: string, x: number): Hit | null {
    const line = this.#scene.lines.find((one) => one.id === id);
    const place = line ? pointAt(line, x) : null;
    return line && place !== null ? { line, place, distance: 0 } : null;
  }

  #remark({ line, place }: Hit): Remark {
    const rows: [string, string][] = [["metric", [line.name, line.context].filter(Boolean).join(" ")]];
    const here = line.x[place] as number;
    rows.push([this.look.xLabel, xText(here, this.look.xKind)]);
    rows.push([
      line.raw ? "smoothed" : line.counts ? "middle" : "value",
      showNumber(line.y[place] as number),
    ]);
    const tracked = line.raw ? pointAt({ ...line.raw, sorted: line.sorted }, here) : null;
    if (line.raw && tracked !== null) rows.push(["tracked", showNumber(line.raw.y[tracked] as number)]);
    if (line.band) {
      const [low, high] = [line.band.low[place] as number, line.band.high[place] as number];
      rows.push(["band", `${showNumber(low)} to ${showNumber(high)}`]);
    }
    if (line.counts) rows.push(["curves here", `${line.counts[place]} of ${line.of.length}`]);
    return { colour: line.colour, title: line.title, rows };
  }

  #selected(): void {
    const { left, top, width, height } = this.#plot.select;
    const { clientWidth, clientHeight } = this.#plot.over;
    this.#plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    const { px, py } = this.#places();
    const some = (part: number, whole: number) => part > 3 && part < whole;
    const x = some(width, clientWidth)
      ? { low: unproject(px, left), high: unproject(px, left + width) }
      : null;
    const y = some(height, clientHeight)
      ? { low: unproject(py, top + height), high: unproject(py, top) }
      : null;
    if (x || y) this.reactions.zoom(x, y);
  }

  #enter = (): void => {
    this.#inside = true;
    this.#chosen = null;
  };

  #leave = (): void => {
    this.#inside = false;
    this.#tooltip.hide();
    this.stage.leave();
  };

  // uPlot follows the mouse only; a finger that moves sideways moves the cursor
  #touch = (event: PointerEvent): void => {
    if (event.pointerType !== "touch") return;
    const { left, top } = this.#plot.over.getBoundingClientRect();
    this.#cursorTo(event.clientX - left, event.clientY - top);
  };

  #wheel = (event: WheelEvent): void => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const px = { ...this.#places().px, range: this.#turned ?? this.#scene.x };
    const at = unproject(px, event.clientX - this.#plot.over.getBoundingClientRect().left);
    this.#turned = zoomed(px.range, at, Math.exp(Math.sign(event.deltaY) * 0.18), this.look.logX);
    this.reactions.turn(this.#turned);
  };

  /** A key that means something here. Whether it did. */
  key(name: string, far: boolean): boolean {
    if (name === "+" || name === "=" || name === "-") {
      const about = this.stage.attention.x ?? unproject(this.#places().px, this.#plot.over.clientWidth / 2);
      this.reactions.zoom(zoomed(this.#scene.x, about, name === "-" ? 2 : 0.5, this.look.logX), null);
      return true;
    }
    if (name === "0" || name === "Escape") {
      this.reactions.reset();
      return true;
    }
    if (name === "ArrowUp" || name === "ArrowDown") return this.#other(name === "ArrowUp" ? -1 : 1);
    if (name === "Home" || name === "End") return this.#along(name === "Home" ? -Infinity : Infinity);
    if (name === "ArrowLeft" || name === "ArrowRight")
      return this.#along((name === "ArrowLeft" ? -1 : 1) * (far ? this.#plot.over.clientWidth / 10 : 1));
    return false;
  }

  /** The cursor has gone from the keyboard's reach. */
  blur(): void {
    if (this.#chosen === null) return;
    this.#chosen = null;
    this.#tooltip.hide();
    this.#cursorTo(-10, -10);
    this.stage.leave();
  }

  /** The next point of the chosen line that is at least so many pixels away. */
  #along(pixels: number): boolean {
    const line = this.#scene.lines.find((one) => one.id === this.#chosen) ?? this.#scene.lines[0];
    if (!line) return true;
    const { px } = this.#places();
    const inside = Array.from(line.x.keys()).filter((place) => {
      const left = project(px, line.x[place] as number);
      return left >= px.from - 0.5 && left <= px.to + 0.5;
    });
    const { x } = this.stage.attention;
    const left = (place: number) => project(px, line.x[place] as number);
    const now = x === null || this.#chosen === null ? null : project(px, x);
    let next: number | undefined;
    if (now === null || pixels === -Infinity) next = pixels === Infinity ? inside.at(-1) : inside[0];
    else if (pixels > 0) next = inside.find((place) => left(place) >= now + pixels) ?? inside.at(-1);
    else next = inside.findLast((place) => left(place) <= now + pixels) ?? inside[0];
    if (next !== undefined) this.#choose(line, next);
    return true;
  }

  /** The next line below or above the chosen one, where the cursor is. */
  #other(direction: 1 | -1): boolean {
    const { x } = this.stage.attention;
    if (x === null || this.#chosen === null) return this.#along(-Infinity);
    const here = this.#scene.lines
      .map((line) => ({ line, place: pointAt(line, x) }))
      .filter((one): one is { line: Line; place: number } => one.place !== null)
      .sort((one, other) => (other.line.y[other.place] as number) - (one.line.y[one.place] as number));
    const now = here.findIndex((one) => one.line.id === this.#chosen);
    const next = here[Math.min(Math.max(now + direction, 0), here.length - 1)];
    if (next) this.#choose(next.line, next.place);
    return true;
  }

  #choose(line: Line, place: number): void {
    const { px, py } = this.#places();
    this.#chosen = line.id;
    const top = project(py, line.y[place] as number);
    const left = project(px, line.x[place] as number);
    this.#cursorTo(left, Number.isNaN(top) ? 0 : top);
    const { title, rows } = this.#remark({ line, place, distance: 0 });
    this.reactions.say(`${title}: ${rows.map(([name, value]) => `${name} ${value}`).join(", ")}`);
  }
}
