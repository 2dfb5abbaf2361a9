// Numbers where there is little room: on axes, below small charts.

import type { Tagged } from "../../api/types";
import { asNumber, showNumber, showValue } from "../../api/values";

/** A number in four digits at most. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value) || (Number.isInteger(value) && Math.abs(value) < 1e5)) return showNumber(value);
  return showNumber(Number(value.toPrecision(4)))
    .replace(/(\.\d*?)0+e/, "$1e")
    .replace(".e", "e")
    .replaceAll("-", "−");
}

/** A value in little room: a number in four digits, whatever else as it is. */
export function shortValue(value: Tagged): string {
  const number = asNumber(value);
  return number === null ? showValue(value) : shortNumber(number);
}
