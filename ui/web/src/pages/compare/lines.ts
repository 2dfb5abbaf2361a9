// The lines of parallel coordinates: where each run crosses each axis.

import type { Tagged } from "../../api/types";
import { type Axis, placer } from "./axis";

export interface Crossings {
  /** From left to right, in pixels. */
  lefts: readonly number[];
  /** For each axis, the place of each run from 0 (below) to 1. */
  places: readonly Float64Array[];
}

/** The least room between two axes. */
export const LEAST = 118;
export const MARGIN = { left: 88, right: 64, top: 8, bottom: 12 } as const;

export function innerWidth(axes: number, room: number): number {
  return Math.max(room, MARGIN.left + MARGIN.right + Math.max(axes - 1, 0) * LEAST);
}

export function leftsFor(axes: number, width: number): number[] {
  const inner = width - MARGIN.left - MARGIN.right;
  return Array.from({ length: axes }, (_, place) =>
    axes === 1 ? MARGIN.left + inner / 2 : MARGIN.left + (inner * place) / (axes - 1),
  );
}

export function crossingsFor(
  axes: readonly Axis[],
  values: readonly (readonly Tagged[])[],
  lefts: readonly number[],
): Crossings {
  const places = axes.map((axis, which) => Float64Array.from(values[which] ?? [], placer(axis)));
  return { lefts, places };
}

/** The run whose line passes nearest to a pixel, of those that are chosen; `height` is that of the axes. */
export function nearestLine(
  { lefts, places }: Crossings,
  chosen: readonly boolean[],
  left: number,
  top: number,
  height: number,
  reach: number,
): number | null {
  if (lefts.length === 0) return null;
  const behind = lefts.findIndex((one) => one >= left);
  const b = behind < 0 ? lefts.length - 1 : behind;
  const a = Math.max(b - 1, 0);
  const [x0, x1] = [lefts[a] as number, lefts[b] as number];
  const part = x1 === x0 ? 0 : Math.min(Math.max((left - x0) / (x1 - x0), 0), 1);
  let [best, distance] = [-1, reach];
  for (let run = 0; run < chosen.length; run += 1) {
    if (!chosen[run]) continue;
    const [from, to] = [places[a]?.[run] as number, places[b]?.[run] as number];
    // a steep line is as near as it is sideways
    const slope = x1 === x0 ? 0 : ((to - from) * height) / (x1 - x0);
    const here = Math.abs((1 - (from + (to - from) * part)) * height - top) / Math.hypot(1, slope);
    if (here < distance) [best, distance] = [run, here];
  }
  return best < 0 ? null : best;
}

/** A list with one element put before or behind the others. */
export function moved<T>(list: readonly T[], from: number, to: number): T[] {
  const rest = list.filter((_, place) => place !== from);
  const item = list[from];
  if (item !== undefined) rest.splice(Math.min(Math.max(to, 0), rest.length), 0, item);
  return rest;
}

/** The axis that stands nearest to a pixel. */
export function nearestAxis(lefts: readonly number[], left: number): number {
  let best = 0;
  lefts.forEach((one, place) => {
    if (Math.abs(one - left) < Math.abs((lefts[best] as number) - left)) best = place;
  });
  return best;
}
