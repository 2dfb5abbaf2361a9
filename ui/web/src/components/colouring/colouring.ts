// Which value gets which colour: so that a value keeps its colour while others come and go.

import type { Tagged } from "../../api/types";
import { asNumber } from "../../api/values";
import { colour, LIGHT } from "../../palette";

const COLOURS = LIGHT.length;
/** From how many different numbers on they are shown as a scale, and not one colour each. */
const SCALE_FROM = 9;

const RAMPS = {
  light: ["#40208a", "#2f5fb3", "#1b8f96", "#4d9a35", "#b07d00", "#b8341b"],
  dark: ["#8f7bea", "#5b9df0", "#3fc5bd", "#8fd16a", "#ecd35a", "#ff9a5c"],
} as const;

/**
 * A colour's number for each key. Keys that had one keep it; a new one gets what its letters ask for, or, where that is
 * taken, the next that fewest others have; among few keys, the first that is free. The order of the keys does not matter.
 */
export function allocated(
  keys: Iterable<string>,
  before: ReadonlyMap<string, number> = new Map(),
  colours: number = COLOURS,
): Map<string, number> {
  const numbers = new Map<string, number>();
  const taken = new Array<number>(colours).fill(0);
  const take = (key: string, number: number) => {
    numbers.set(key, number);
    taken[number] = (taken[number] ?? 0) + 1;
  };
  const fresh: string[] = [];
  const all = new Set(keys);
  // few keys have the first colours, which differ most
  const few = all.size <= colours / 2;
  for (const key of all) {
    const number = before.get(key);
    if (number === undefined) fresh.push(key);
    else take(key, number);
  }
  for (const key of fresh.sort()) {
    const fewest = Math.min(...taken);
    let number = few ? 0 : wish(key) % colours;
    while (taken[number] !== fewest) number = (number + 1) % colours;
    take(key, number);
  }
  return numbers;
}

function wish(key: string): number {
  let sum = 0x811c9dc5;
  for (let place = 0; place < key.length; place += 1)
    sum = Math.imul(sum ^ key.charCodeAt(place), 0x01000193);
  return (sum ^ (sum >>> 15)) >>> 0;
}

/** The colour at a place of the scale from 0 to 1. */
export function ramp(place: number, theme: "light" | "dark"): string {
  const stops = RAMPS[theme];
  const at = Math.min(Math.max(place, 0), 1) * (stops.length - 1);
  const left = Math.min(Math.floor(at), stops.length - 2);
  const [from, to] = [channels(stops[left] as string), channels(stops[left + 1] as string)];
  return `rgb(${from.map((one, which) => Math.round(one + ((to[which] as number) - one) * (at - left))).join(" ")})`;
}

function channels(hex: string): number[] {
  return [1, 3, 5].map((start) => Number.parseInt(hex.slice(start, start + 2), 16));
}

/** The scale as CSS writes it. */
export function rampGradient(theme: "light" | "dark"): string {
  return `linear-gradient(90deg, ${RAMPS[theme].join(", ")})`;
}

/** The numbers that many different values are, in order; null if they are to have a colour each. */
export function scaleOf(values: Iterable<Tagged>): number[] | null {
  const numbers = new Set<number>();
  for (const value of values) {
    if (value === null) continue;
    const number = asNumber(value);
    if (number === null) return null;
    if (Number.isFinite(number)) numbers.add(number);
  }
  return numbers.size < SCALE_FROM ? null : [...numbers].sort((one, other) => one - other);
}

/** Where a number stands among others, from 0 to 1: by rank, so that an outlier does not take the scale for itself. */
export function rank(scale: readonly number[], value: number): number {
  let [low, high] = [0, scale.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((scale[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return scale.length < 2 ? 0 : low / (scale.length - 1);
}

export { colour };
