// Distributions on a canvas: as a map of heat, as ridges, and one as bars.

import type { DistributionValue } from "../../api/types";
import { type Column, density, type Range } from "./histogram";

export interface Colours {
  ground: string;
  line: string;
  ink: string;
  accent: string;
  bad: string;
  sans: string;
}

/** Where the picture stands in the canvas: what is left of it are the marks of the values, below those of steps. */
export const MARGIN = { left: 62, right: 8, top: 8, bottom: 22 };

export function coloursOf(element: HTMLElement): Colours {
  const style = getComputedStyle(element);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    ground: read("--surface"),
    line: read("--line"),
    ink: read("--ink-2"),
    accent: read("--accent"),
    bad: read("--bad"),
    sans: read("--sans"),
  };
}

/** A context that draws in CSS pixels, cleared; null where there is none. */
export function begun(canvas: HTMLCanvasElement, colours: Colours): CanvasRenderingContext2D | null {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(canvas.clientWidth * scale);
  canvas.height = Math.round(canvas.clientHeight * scale);
  const context = canvas.getContext("2d");
  if (context === null) return null;
  context.scale(scale, scale);
  context.font = `11px ${colours.sans}`;
  context.fillStyle = colours.ground;
  context.fillRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  return context;
}

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export function boxOf(canvas: HTMLCanvasElement): Box {
  return {
    left: MARGIN.left,
    top: MARGIN.top,
    width: Math.max(canvas.clientWidth - MARGIN.left - MARGIN.right, 1),
    height: Math.max(canvas.clientHeight - MARGIN.top - MARGIN.bottom, 1),
  };
}

/** Steps from left to right, values from below: the darker, the more weight there. */
export function paintHeat(
  context: CanvasRenderingContext2D,
  box: Box,
  columns: readonly Column[],
  range: Range,
  colours: Colours,
): void {
  const rows = Math.max(Math.min(Math.floor(box.height), 160), 1);
  const all = columns.map(({ value }) => ("error" in value ? null : density(value, range, rows)));
  const most = Math.max(...all.map((column) => (column ? Math.max(...column) : 0)), Number.MIN_VALUE);
  const width = box.width / columns.length;
  for (const [index, column] of all.entries()) {
    const left = box.left + index * width;
    if (column === null) {
      context.globalAlpha = 0.35;
      context.fillStyle = colours.bad;
      context.fillRect(left, box.top, width, box.height);
      continue;
    }
    context.fillStyle = colours.accent;
    for (let row = 0; row < rows; row += 1) {
      const share = column[row] ?? 0;
      if (share <= 0) continue;
      // the root: what is rare is seen as well
      context.globalAlpha = 0.06 + 0.94 * Math.sqrt(share / most);
      const [top, bottom] = [rows - row - 1, rows - row].map((at) =>
        Math.round(box.top + (at / rows) * box.height),
      );
      const [x, end] = [Math.round(left), Math.round(left + width)];
      context.fillRect(x, top ?? 0, Math.max(end - x, 1), (bottom ?? 0) - (top ?? 0));
    }
  }
  context.globalAlpha = 1;
}

/** So many ridges at most, evenly chosen: more cover each other. */
export const MOST_RIDGES = 24;

export function chosenRidges(count: number): number[] {
  const most = Math.min(count, MOST_RIDGES);
  return Array.from({ length: most }, (_, k) =>
    most === 1 ? 0 : Math.round((k * (count - 1)) / (most - 1)),
  );
}

/** Values from left to right; a curve for each step, the first at the back. */
export function paintRidges(
  context: CanvasRenderingContext2D,
  box: Box,
  columns: readonly Column[],
  range: Range,
  colours: Colours,
): void {
  const bins = Math.min(Math.floor(box.width / 3), 200);
  const chosen = chosenRidges(columns.length);
  const curves = chosen.map((at) => {
    const value = columns[at]?.value;
    return value === undefined || "error" in value ? null : density(value, range, bins);
  });
  const most = Math.max(...curves.map((curve) => (curve ? Math.max(...curve) : 0)), Number.MIN_VALUE);
  const height = Math.min(box.height * 0.4, (box.height / Math.max(chosen.length, 1)) * 4);
  const pitch = (box.height - height) / Math.max(chosen.length - 1, 1);
  for (const [k, curve] of curves.entries()) {
    if (curve === null) continue;
    const base = box.top + height + k * pitch;
    context.beginPath();
    context.moveTo(box.left, base);
    for (let bin = 0; bin < bins; bin += 1) {
      context.lineTo(box.left + ((bin + 0.5) / bins) * box.width, base - ((curve[bin] ?? 0) / most) * height);
    }
    context.lineTo(box.left + box.width, base);
    context.globalAlpha = 0.8;
    context.fillStyle = colours.ground;
    context.fill();
    context.globalAlpha = 0.15 + 0.35 * (k / Math.max(curves.length - 1, 1));
    context.fillStyle = colours.accent;
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = colours.accent;
    context.lineWidth = 1;
    context.stroke();
  }
}

export function paintBars(
  context: CanvasRenderingContext2D,
  box: Box,
  value: DistributionValue,
  range: Range,
  marked: number | null,
  colours: Colours,
): void {
  const most = value.weights.reduce((max, weight) => Math.max(max, weight), 0) || 1;
  const scale = box.width / (range.high - range.low);
  const width = (value.high - value.low) / Math.max(value.weights.length, 1);
  context.fillStyle = colours.accent;
  for (const [bin, weight] of value.weights.entries()) {
    const x = box.left + (value.low + bin * width - range.low) * scale;
    const height = (weight / most) * box.height;
    context.globalAlpha = marked === null || marked === bin ? 1 : 0.5;
    context.fillRect(x, box.top + box.height - height, Math.max(width * scale - 0.5, 1), height);
  }
  context.globalAlpha = 1;
}

/** Marks along an edge of the picture: [how far along, what it says]. */
export function paintMarks(
  context: CanvasRenderingContext2D,
  box: Box,
  side: "left" | "bottom",
  marks: readonly (readonly [number, string])[],
  colours: Colours,
): void {
  context.fillStyle = colours.ink;
  context.textBaseline = side === "left" ? "middle" : "top";
  for (const [share, text] of marks) {
    if (side === "left") {
      context.textAlign = "right";
      context.fillText(text, box.left - 6, box.top + (1 - share) * box.height, box.left - 8);
    } else {
      context.textAlign = share < 0.1 ? "left" : share > 0.9 ? "right" : "center";
      context.fillText(text, box.left + share * box.width, box.top + box.height + 6);
    }
  }
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  context.strokeRect(box.left - 0.5, box.top - 0.5, box.width + 1, box.height + 1);
}
