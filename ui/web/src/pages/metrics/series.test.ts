import { expect, test } from "vitest";
import type { Curve } from "../../api/columns";
import { identity, isSorted, placeOf, seriesOf, shortened, summarised } from "./series";

function curve(x: number[], y: number[], more: Partial<Curve> = {}): Curve {
  return {
    run: "a",
    run_name: null,
    experiment: null,
    status: "finished",
    name: "loss",
    context: {},
    attributes: [],
    count: x.length,
    exact: false,
    length: x.length,
    x: Float64Array.from(x),
    y: Float64Array.from(y),
    smoothed: null,
    ...more,
  };
}

test("a curve is the same whatever the order of its context's keys", () => {
  const one = identity(curve([], [], { context: { a: 1, b: { c: "x", d: [1] } } }));
  expect(identity(curve([], [], { context: { b: { d: [1], c: "x" }, a: 1 } }))).toBe(one);
  expect(identity(curve([], [], { context: { a: 1, b: { c: "x", d: [2] } } }))).not.toBe(one);
  expect(identity(curve([], [], { run: "b", context: { a: 1, b: { c: "x", d: [1] } } }))).not.toBe(one);
});

test("a hundred thousand names have a hundred thousand digests", () => {
  const seen = new Set<string>();
  for (let number = 0; number < 100_000; number += 1) seen.add(shortened(`run ${number}\nloss\n{}`));
  expect(seen.size).toBe(100_000);
});

test("a closer look takes the place of what it covers, and nothing else", () => {
  const whole = curve([0, 10, 20, 30, 40], [0, 1, 2, 3, 4], { count: 400 });
  const detail = curve([10, 15, 20, 25], [1, 1.5, 2, 2.5], { exact: true, count: 4 });
  const [one] = seriesOf([whole], [detail], { low: 10, high: 29 });
  expect(Array.from(one?.x ?? [])).toEqual([0, 10, 15, 20, 25, 30, 40]);
  expect(Array.from(one?.y ?? [])).toEqual([0, 1, 1.5, 2, 2.5, 3, 4]);
  expect(one?.exact).toBe(true);
  expect(one?.count).toBe(4);
  expect(one?.summary).toEqual({ min: 0, max: 4, last: 4 });
});

test("a curve without a closer look says that it is thinned out", () => {
  const [one] = seriesOf([curve([0, 1], [0, 1])], [], { low: 0, high: 1 });
  expect(one?.exact).toBe(false);
});

test("a curve that goes back in x shows its closer look alone", () => {
  const whole = curve([0, 5, 2], [0, 1, 2]);
  const [one] = seriesOf([whole], [curve([2, 1], [7, 8])], { low: 1, high: 2 });
  expect(one?.sorted).toBe(false);
  expect(Array.from(one?.x ?? [])).toEqual([2, 1]);
});

test("places in x are those that a scan finds", () => {
  const x = Float64Array.from([1, 1, 2, 5, 5, 5, 9]);
  for (const value of [0, 1, 1.5, 2, 5, 8, 9, 10]) {
    const found = Array.from(x).findIndex((one) => one >= value);
    expect(placeOf(x, value)).toBe(found < 0 ? x.length : found);
    const behind = Array.from(x).findIndex((one) => one > value);
    expect(placeOf(x, value, true)).toBe(behind < 0 ? x.length : behind);
  }
});

test("what is not finite is in no minimum and no maximum", () => {
  expect(summarised(Float64Array.from([NaN, 3, Infinity, -2]))).toEqual({ min: -2, max: 3, last: -2 });
  expect(summarised(Float64Array.from([NaN]))).toEqual({ min: NaN, max: NaN, last: NaN });
  expect(summarised(new Float64Array())).toEqual({ min: NaN, max: NaN, last: NaN });
});

test("an equal x is still in order", () => {
  expect(isSorted(Float64Array.from([1, 1, 2]))).toBe(true);
  expect(isSorted(Float64Array.from([1, 2, 1.9]))).toBe(false);
});
