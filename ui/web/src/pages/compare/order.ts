// Runs in the order of their values.

import type { Tagged } from "../../api/types";
import { asNumber, showValue } from "../../api/values";

/** Places sorted by the value of each: numbers, then texts; what is missing or NaN comes last in either direction. */
export function sorted(places: readonly number[], values: readonly Tagged[], descending: boolean): number[] {
  const keys = new Map(places.map((place) => [place, keyOf(values[place])]));
  const direction = descending ? -1 : 1;
  return [...places].sort((one, other) => {
    const [a, b] = [keys.get(one) ?? null, keys.get(other) ?? null];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    if (typeof a === "number" && typeof b === "number") return (a === b ? 0 : a < b ? -1 : 1) * direction;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return String(a).localeCompare(String(b), "en", { numeric: true }) * direction;
  });
}

function keyOf(value: Tagged | undefined): number | string | null {
  if (value === null || value === undefined) return null;
  const number = asNumber(value);
  if (number !== null) return Number.isNaN(number) ? null : number;
  return showValue(value);
}
