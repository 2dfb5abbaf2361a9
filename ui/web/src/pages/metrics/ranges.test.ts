import { expect, test } from "vitest";
import type { Line } from "./panels";
import { padded, xExtent, yExtent, zoomed } from "./ranges";

function line(x: number[], y: number[], more: Partial<Line> = {}): Line {
  return {
    id: "",
    kin: "",
    title: "",
    name: "",
    context: "",
    x: Float64Array.from(x),
    y: Float64Array.from(y),
    sorted: true,
    raw: null,
    band: null,
    counts: null,
    colour: "",
    dash: [],
    of: [],
    groups: [],
    summary: { min: 0, max: 0, last: 0 },
    ...more,
  };
}

const count = (length: number) => Array.from({ length }, (_, place) => place);

test("x goes from the first to the last of all lines, smoothed or not", () => {
  const raw = { x: Float64Array.from([-3, 20]), y: Float64Array.from([0, 0]) };
  expect(xExtent([line([0, 5], [0, 0]), line([2, 9], [0, 0], { raw })], false)).toEqual({
    low: -3,
    high: 20,
  });
  expect(xExtent([line([0, 5, 7], [0, 0, 0])], true)).toEqual({ low: 5, high: 7 });
});

test("nothing, or one value, still makes a range with a width", () => {
  expect(xExtent([], false)).toEqual({ low: 0, high: 1 });
  const { low, high } = xExtent([line([4], [0])], false);
  expect(low).toBeLessThan(4);
  expect(high).toBeGreaterThan(4);
  const { range } = yExtent([line([0, 1], [NaN, Infinity])], { low: 0, high: 1 }, true, false);
  expect(range.low).toBeGreaterThan(0);
  expect(range.high).toBeGreaterThan(range.low);
});

test("y fits what x shows, and no more", () => {
  const { range, outside } = yExtent(
    [line([0, 1, 2, 3], [100, 1, 2, 100])],
    { low: 1, high: 2 },
    false,
    false,
  );
  expect(range).toEqual(padded({ low: 1, high: 2 }, 0.04, false));
  expect(outside).toBe(0);
});

test("y fits a line that goes back in x, too", () => {
  const one = line([5, 1, 2, 9], [50, 1, 2, 90], { sorted: false });
  const { range } = yExtent([one], { low: 1, high: 2 }, false, false);
  expect(range).toEqual(padded({ low: 1, high: 2 }, 0.04, false));
});

test("a band is within the range", () => {
  const band = { low: Float64Array.from([-7, 0]), high: Float64Array.from([2, 8]) };
  const { range } = yExtent([line([0, 1], [1, 1], { band })], { low: 0, high: 1 }, false, false);
  expect(range).toEqual(padded({ low: -7, high: 8 }, 0.04, false));
});

test("outliers are outside, and counted", () => {
  const y = count(100).map((place) => place / 100);
  const spikes = [...y, 1e9, -1e9];
  const { range, outside } = yExtent([line(count(102), spikes)], { low: 0, high: 200 }, false, true);
  expect(range.high).toBeLessThan(2);
  expect(range.low).toBeGreaterThan(-1);
  expect(outside).toBe(spikes.filter((one) => one < range.low || one > range.high).length);
  expect(outside).toBeGreaterThanOrEqual(2);
});

test("on a logarithmic scale what is not above zero has no place", () => {
  const { range } = yExtent([line([0, 1, 2, 3], [-5, 0, 1, 100])], { low: 0, high: 3 }, true, false);
  expect(range.low).toBeGreaterThan(0.5);
  expect(range.high).toBeLessThan(200);
});

test("zooming leaves its place where it is", () => {
  expect(zoomed({ low: 0, high: 10 }, 2, 0.5, false)).toEqual({ low: 1, high: 6 });
  const log = zoomed({ low: 1, high: 10000 }, 100, 0.5, true);
  expect(log.low).toBeCloseTo(10, 9);
  expect(log.high).toBeCloseTo(1000, 9);
});
