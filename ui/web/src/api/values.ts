// Tagged JSON as people read it, and as numbers to draw.

import type { Context, Tagged } from "./types";

const FLOATS: { [text: string]: number } = { nan: Number.NaN, inf: Infinity, "-inf": -Infinity };

/** The number that a value is; null if it is none. Booleans are none. */
export function asNumber(value: Tagged | undefined): number | null {
  if (typeof value === "number") return value;
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    if (typeof value.$float === "string") return FLOATS[value.$float] ?? null;
    if (typeof value.$int === "string") return hexadecimal(value.$int);
  }
  return null;
}

/** The integer that a tagged value is, with all its digits; null if it is none. */
function bigInteger(value: Tagged | undefined): bigint | null {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return null;
  const text = value.$int;
  if (typeof text !== "string" || !/^-?0x[0-9a-f]+$/i.test(text)) return null;
  return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
}

function hexadecimal(text: string): number {
  return text.startsWith("-") ? -Number(text.slice(1)) : Number(text);
}

/** A number in few digits that still tell it from its neighbours. */
export function showNumber(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (Number.isInteger(value) && Math.abs(value) < 1e15)
    return value.toLocaleString("en-US").replace(/^-/, "−");
  const size = Math.abs(value);
  const text = size >= 1e6 || size < 1e-4 ? value.toExponential(4) : value.toPrecision(6);
  return text
    .replace(/(\.\d*?)0+(e|$)/, "$1$2")
    .replace(/\.(e|$)/, "$1")
    .replace(/^-/, "−");
}

/** Any value in one line. */
export function showValue(value: Tagged | undefined): string {
  if (value === undefined || value === null) return "";
  const integer = bigInteger(value);
  if (integer !== null) return integer.toLocaleString("en-US").replace(/^-/, "−");
  const number = asNumber(value);
  if (number !== null) return showNumber(number);
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(quoted).join(", ")}]`;
  const [tag, inside] = Object.entries(value)[0] ?? [];
  if (tag?.startsWith("$") && typeof inside === "string") return inside;
  return `{${Object.entries(value as { [key: string]: Tagged })
    .map(([key, item]) => `${key}: ${quoted(item)}`)
    .join(", ")}}`;
}

function quoted(value: Tagged): string {
  return typeof value === "string" ? JSON.stringify(value) : value === null ? "None" : showValue(value);
}

/** A context in one line: `subset=val`; empty for an empty one. */
export function showContext(context: Context): string {
  return Object.entries(context)
    .map(([key, value]) => `${key}=${showValue(value)}`)
    .join(" ");
}

export function showTime(seconds: number): string {
  return new Date(seconds * 1000).toLocaleString("sv-SE");
}

/** How long ago, in one unit. */
export function showAge(seconds: number, now = Date.now() / 1000): string {
  const age = Math.max(now - seconds, 0);
  for (const [unit, size] of [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
  ] as const) {
    if (age >= size) return `${Math.floor(age / size)} ${unit} ago`;
  }
  return "just now";
}

export function showDuration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const [hours, minutes, rest] = [
    Math.floor(seconds / 3600),
    Math.floor(seconds / 60) % 60,
    Math.floor(seconds % 60),
  ];
  const two = (number: number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

export function showSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [size, unit] = [bytes, 0];
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toPrecision(3)} ${units[unit]}`;
}

/** A value as AimQL writes it, to be put into a query. Null if it cannot be written. */
export function asAimQL(value: Tagged): string | null {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  return bigInteger(value)?.toString() ?? null;
}
