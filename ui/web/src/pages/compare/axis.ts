// An axis on which any value of a run has its place: numbers, categories, and what is neither.

import type { Tagged } from "../../api/types";
import { asNumber, showValue } from "../../api/values";
import { opened, padded } from "../metrics/ranges";
import type { Range } from "../metrics/state";
import { linearTicks, logTick, logTicks, tick } from "../metrics/ticks";

/** A place below the others for what has no number: how many runs are there stands beside it. */
export interface Slot {
  name: string;
  at: number;
  count: number;
}

export interface Category {
  /** The value as JSON: tells the text "1" from the number 1. */
  key: string;
  label: string;
  at: number;
  count: number;
}

export interface Axis {
  expression: string;
  log: boolean;
  /** Of the numbers; null where values are categories. */
  range: Range | null;
  categories: readonly Category[];
  slots: readonly Slot[];
  /** Where, from 0 to 1, the part for numbers or categories begins: slots are below. */
  base: number;
}

export const MISSING = "missing";
const SLOT = 0.075;

/**
 * The axis for some values; on a logarithmic one, numbers that are not above zero have a slot. With `shown`, it is cut to
 * those, but stays of the kind that all values make it.
 */
export function axisFor(
  expression: string,
  values: readonly Tagged[],
  log: boolean,
  shown?: readonly boolean[],
): Axis {
  const isNumeric = numeric(values);
  const counts = new Map<string, number>();
  const keys = new Map<string, number>();
  let [low, high] = [Infinity, -Infinity];
  for (const value of shown ? values.filter((_, place) => shown[place]) : values) {
    const slot = slotOf(value, isNumeric, log);
    if (slot !== null) counts.set(slot, (counts.get(slot) ?? 0) + 1);
    else if (!isNumeric) {
      const key = JSON.stringify(value);
      keys.set(key, (keys.get(key) ?? 0) + 1);
    } else {
      const number = asNumber(value) as number;
      low = Math.min(low, number);
      high = Math.max(high, number);
    }
  }
  const slots = SLOTS.filter((name) => counts.has(name)).map((name, place) => ({
    name,
    at: (place + 0.35) * SLOT,
    count: counts.get(name) ?? 0,
  }));
  const base = slots.length * SLOT;
  const isLog = log && isNumeric;
  const range = isNumeric ? padded(opened(low, high, isLog), 0.03, isLog) : null;
  return { expression, log: isLog, range, categories: categoriesFor(keys, base), slots, base };
}

// from the bottom
const SLOTS = [MISSING, "NaN", "−∞", "≤ 0", "∞"];

/** Whether values are numbers, as far as they are anything. Booleans are categories. */
function numeric(values: readonly Tagged[]): boolean {
  let some = false;
  for (const value of values) {
    if (value === null || value === undefined) continue;
    if (asNumber(value) === null) return false;
    some = true;
  }
  return some;
}

function slotOf(value: Tagged | undefined, isNumeric: boolean, log: boolean): string | null {
  if (value === null || value === undefined) return MISSING;
  if (!isNumeric) return null;
  const number = asNumber(value) as number;
  if (Number.isNaN(number)) return "NaN";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  return log && number <= 0 ? "≤ 0" : null;
}

function categoriesFor(keys: ReadonlyMap<string, number>, base: number): Category[] {
  const all = [...keys].map(([key, count]) => ({ key, count, label: showValue(JSON.parse(key)) || '""' }));
  all.sort((one, other) => one.label.localeCompare(other.label, "en", { numeric: true }));
  return all.map((one, place) => ({ ...one, at: base + ((place + 0.5) / all.length) * (1 - base) }));
}

/** What a value is called on an axis that has no number for it: a slot's name, a category's key; null for a number. */
export function nameOn(axis: Axis, value: Tagged | undefined): string | null {
  const slot = slotOf(value, axis.range !== null, axis.log);
  if (slot !== null) return slot;
  return axis.range === null ? JSON.stringify(value) : null;
}

/** Finds places on an axis, from 0 (below) to 1; NaN for what the axis was not made for. */
export function placer(axis: Axis): (value: Tagged | undefined) => number {
  const named = new Map<string, number>();
  for (const slot of axis.slots) named.set(slot.name, slot.at);
  for (const category of axis.categories) named.set(category.key, category.at);
  return (value) => {
    const name = nameOn(axis, value);
    if (name !== null) return named.get(name) ?? Number.NaN;
    return placeOfNumber(axis, asNumber(value) as number);
  };
}

export function placeOfNumber({ range, log, base }: Axis, number: number): number {
  if (range === null) return Number.NaN;
  const part = log
    ? Math.log(number / range.low) / Math.log(range.high / range.low)
    : (number - range.low) / (range.high - range.low);
  return base + part * (1 - base);
}

/** The number at a place; NaN below the part for numbers. */
export function numberAt({ range, log, base }: Axis, place: number): number {
  if (range === null || place < base) return Number.NaN;
  const part = (place - base) / (1 - base);
  return log ? range.low * (range.high / range.low) ** part : range.low + (range.high - range.low) * part;
}

export interface Mark {
  at: number;
  text: string;
  /** Whether it is a slot, where there is no number. */
  isSlot: boolean;
}

/** What stands at an axis of some length, with at least `space` between. */
export function marks(axis: Axis, length: number, space: number): Mark[] {
  const slots = axis.slots.map(({ at, name, count }) => ({ at, text: `${name} (${count})`, isSlot: true }));
  const room = length * (1 - axis.base);
  const most = Math.max(2, Math.floor(room / space));
  if (axis.range === null) {
    const every = Math.ceil(axis.categories.length / Math.max(1, Math.floor(room / Math.min(space, 16))));
    const shown = axis.categories.filter((_, place) => place % every === 0);
    return [...slots, ...shown.map(({ at, label }) => ({ at, text: label, isSlot: false }))];
  }
  const { low, high } = axis.range;
  const ticks = axis.log ? logTicks(low, high, most) : linearTicks(low, high, most);
  const step = (ticks[1] ?? 1) - (ticks[0] ?? 0) || 1;
  return [
    ...slots,
    ...ticks.map((number) => ({
      at: placeOfNumber(axis, number),
      text: axis.log ? logTick(number) : tick(number, step),
      isSlot: false,
    })),
  ];
}
