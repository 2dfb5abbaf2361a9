// Distributions over steps as one picture: each step a column, its bins spread over a range that all share.

import type { DistributionValue, Unreadable } from "../../api/types";

export interface Column {
  step: number;
  value: DistributionValue | Unreadable;
}

export interface Range {
  low: number;
  high: number;
}

function isGood(value: DistributionValue | Unreadable): value is DistributionValue {
  return "weights" in value && Number.isFinite(value.low) && Number.isFinite(value.high);
}

/** The range in which all bins lie; null if there is none. A range without width gets some. */
export function rangeOf(columns: readonly Column[]): Range | null {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { value } of columns) {
    if (!isGood(value) || !value.weights.length) continue;
    low = Math.min(low, value.low);
    high = Math.max(high, value.high);
  }
  if (low > high) return null;
  if (low < high) return { low, high };
  const some = Math.abs(low) * 0.01 || 0.5;
  return { low: low - some, high: high + some };
}

/** The share of a distribution's weight per unit of value, in `rows` equal parts of a range, lowest first. */
export function density(value: DistributionValue, range: Range, rows: number): Float64Array {
  const result = new Float64Array(rows);
  const total = value.weights.reduce((sum, weight) => sum + weight, 0);
  const count = value.weights.length;
  if (!(total > 0) || !count) return result;
  const height = (range.high - range.low) / rows;
  const width = (value.high - value.low) / count;
  for (const [bin, weight] of value.weights.entries()) {
    const [low, high] = [value.low + bin * width, value.low + (bin + 1) * width];
    const first = clamp(Math.floor((low - range.low) / height), rows);
    const last = clamp(Math.ceil((high - range.low) / height) - 1, rows);
    if (first >= last) {
      result[first] = (result[first] ?? 0) + weight / total / height;
      continue;
    }
    for (let row = first; row <= last; row += 1) {
      const [from, to] = [range.low + row * height, range.low + (row + 1) * height];
      const part = Math.max(Math.min(high, to) - Math.max(low, from), 0) / (high - low);
      result[row] = (result[row] ?? 0) + (weight * part) / total / height;
    }
  }
  return result;
}

function clamp(row: number, rows: number): number {
  return Math.min(Math.max(row, 0), rows - 1);
}

/** The bin of a distribution that a value lies in; null beside it. */
export function binAt(value: DistributionValue | Unreadable, at: number): number | null {
  if (!isGood(value) || !value.weights.length || at < value.low || at > value.high) return null;
  if (value.high === value.low) return 0;
  const bin = Math.floor(((at - value.low) / (value.high - value.low)) * value.weights.length);
  return Math.min(bin, value.weights.length - 1);
}

/** The edges of a bin. */
export function edges(value: DistributionValue, bin: number): [number, number] {
  const width = (value.high - value.low) / value.weights.length;
  return [value.low + bin * width, value.low + (bin + 1) * width];
}
