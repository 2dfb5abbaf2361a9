// How values stand at the axes.

import { showDuration, showNumber, showTime } from "../../api/values";

/** How x is to be read: as a number, a moment, or a time that has passed. */
export type XKind = "number" | "time" | "duration";

export function xKind(x: string): XKind {
  return x === "time" ? "time" : x === "relative" ? "duration" : "number";
}

/** A tick in as few letters as tell it from its neighbours. */
export function tick(value: number, step: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return exponential(value, step);
  const digits = Math.min(Math.max(-Math.floor(Math.log10(step) + 1e-9), 0), 12);
  return value.toLocaleString("en-US", { maximumFractionDigits: digits }).replace("-", "−");
}

function exponential(value: number, step: number): string {
  const digits = Math.max(Math.floor(Math.log10(Math.abs(value))) - Math.floor(Math.log10(step) + 1e-9), 0);
  return value
    .toExponential(Math.min(digits, 12))
    .replace(/\.?0+e/, "e")
    .replace("e+", "e")
    .replaceAll("-", "−");
}

/** On a logarithmic axis each value speaks for itself. */
export function logTick(value: number): string {
  return tick(value, 10 ** Math.floor(Math.log10(Math.abs(value) || 1)));
}

const DURATIONS = [
  0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200,
  86400, 172800, 432000, 864000, 2592000, 31536000,
];

/** Steps between ticks that suit seconds, minutes, hours and days. */
export const DURATION_STEPS: readonly number[] = DURATIONS;

export function durationTick(seconds: number): string {
  if (seconds < 0) return `−${durationTick(-seconds)}`;
  if (seconds === 0) return "0";
  if (seconds < 1) return `${Number((seconds * 1000).toPrecision(3))} ms`;
  if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
  if (seconds < 86400 * 2) return showDuration(seconds);
  return `${Number((seconds / 86400).toPrecision(3))} d`;
}

/** A value of x in one line of text. */
export function xText(value: number, kind: XKind): string {
  if (kind === "time") return showTime(value);
  return kind === "duration" ? durationTick(value) : showNumber(value);
}
