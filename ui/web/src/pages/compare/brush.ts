// A part of an axis that is chosen: which runs it lets through, and how a query says the same.

import type { Tagged } from "../../api/types";
import { asNumber, showNumber } from "../../api/values";
import type { Range } from "../metrics/state";
import { type Axis, MISSING, nameOn, numberAt, placeOfNumber } from "./axis";

export interface Brush {
  expression: string;
  /** Of the numbers that are let through; null if none is. */
  range: Range | null;
  /** Slots and categories that are let through, by name and key. */
  names: readonly string[];
}

/** What lies between two places of an axis; null if that is nothing. */
export function brushBetween(axis: Axis, one: number, other: number): Brush | null {
  const [from, to] = [Math.min(one, other), Math.max(one, other)];
  const names = [
    ...axis.slots.map(({ name, at }) => ({ name, at })),
    ...axis.categories.map(({ key, at }) => ({ name: key, at })),
  ]
    .filter(({ at }) => at >= from && at <= to)
    .map(({ name }) => name);
  const range =
    axis.range === null || to <= axis.base
      ? null
      : { low: numberAt(axis, Math.max(from, axis.base)), high: numberAt(axis, Math.min(to, 1)) };
  return range === null && names.length === 0 ? null : { expression: axis.expression, range, names };
}

export function passes(axis: Axis, { range, names }: Brush, value: Tagged | undefined): boolean {
  const name = nameOn(axis, value);
  if (name !== null) return names.includes(name);
  const number = asNumber(value) as number;
  return range !== null && number >= range.low && number <= range.high;
}

/** The parts of the axis that a brush covers, from 0 to 1. */
export function covered(axis: Axis, { range, names }: Brush): [number, number][] {
  const half = axis.range === null ? (1 - axis.base) / Math.max(axis.categories.length, 1) / 2 : 0;
  const parts: [number, number][] = [];
  for (const { key, at } of axis.categories) if (names.includes(key)) parts.push([at - half, at + half]);
  for (const { name, at } of axis.slots) if (names.includes(name)) parts.push([at - 0.025, at + 0.025]);
  if (range && axis.range) {
    const inside = (place: number) => Math.min(Math.max(Number.isNaN(place) ? 0 : place, axis.base), 1);
    parts.push([inside(placeOfNumber(axis, range.low)), inside(placeOfNumber(axis, range.high))]);
  }
  return parts;
}

/** What a brush says, for people. */
export function brushText({ range, names }: Brush): string {
  const parts = range ? [`${showNumber(range.low)} to ${showNumber(range.high)}`] : [];
  return [...parts, ...names].join(", ");
}

/** The brush as a condition of AimQL; null where no condition says the same. */
export function conditionOf({ expression, range, names }: Brush): string | null {
  const parts: string[] = range ? [`${range.low} <= ${expression} <= ${range.high}`] : [];
  const values: string[] = [];
  for (const name of names) {
    if (name === MISSING) parts.push(`${expression} is None`);
    else if (name === "≤ 0") parts.push(`${expression} <= 0`);
    else {
      const value = literal(name);
      if (value === null) return null;
      values.push(value);
    }
  }
  if (values.length > 0) parts.push(`${expression} in [${values.join(", ")}]`);
  return parts.length === 1 ? (parts[0] ?? null) : `(${parts.join(" or ")})`;
}

/** A category's key as AimQL writes the value. */
function literal(key: string): string | null {
  let value: unknown;
  try {
    value = JSON.parse(key);
  } catch {
    return null;
  }
  if (typeof value === "string" || typeof value === "number") return JSON.stringify(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  return null;
}
