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

/** Where a cursor is that need not be at a point: steps and epochs are counted in whole ones. */
export function cursorText(value: number, x: string): string {
  return xText(x === "step" || x === "epoch" ? Math.round(value) : value, xKind(x));
}

/** A value of x in one line of text. */
export function xText(value: number, kind: XKind): string {
  if (kind === "time") return showTime(value);
  return kind === "duration" ? durationTick(value) : showNumber(value);
}

/** Where the ticks of a logarithmic axis are: at most so many, at powers of ten and, where there is room, between them. */
export function logTicks(low: number, high: number, most: number): number[] {
  const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const inside = (value: number) => value >= low && value <= high;
  for (const digits of [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]]) {
    if ((to - from) * digits.length > 4 * most + 40) continue;
    const ticks: number[] = [];
    for (let power = from; power <= to; power += 1)
      for (const digit of digits) ticks.push(Number(`${digit}e${power}`));
    const shown = ticks.filter(inside);
    if (shown.length > most) continue;
    return shown.length >= 2 ? shown : linearTicks(low, high, most);
  }
  const stride = Math.ceil((to - from + 1) / most);
  const ticks: number[] = [];
  for (let power = Math.ceil(from / stride) * stride; power <= to; power += stride)
    ticks.push(Number(`1e${power}`));
  return ticks.filter(inside);
}

/** Where the ticks of a linear axis are: round numbers, at most so many. */
export function linearTicks(low: number, high: number, most: number): number[] {
  const rough = (high - low) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((one) => one * power >= rough * (1 - 1e-9)) ?? 10) * power;
  const ticks: number[] = [];
  for (
    let count = Math.ceil(low / step - 1e-9);
    count * step <= high * (1 + 1e-12) + step * 1e-9;
    count += 1
  ) {
    // 3 × 0.1 is not 0.3
    ticks.push(Number((count * step).toPrecision(12)));
    if (ticks.length > most + 2) break;
  }
  return ticks;
}
