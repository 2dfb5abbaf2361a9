import { expect, test } from "vitest";
import { trendOf } from "./trend";

test("a straight line is found again", () => {
  const x = [1e9, 1e9 + 1, 1e9 + 2, 1e9 + 5];
  const trend = trendOf(
    x,
    x.map((one) => 3 * (one - 1e9) - 7),
  );
  expect(trend?.slope).toBeCloseTo(3, 6);
  expect(trend?.r2).toBeCloseTo(1, 9);
});

test("the line is that of the normal equations", () => {
  const [x, y] = [
    [1, 2, 3, 4, 7],
    [2, 1, 4, 3, 9],
  ];
  const sum = (values: number[]) => values.reduce((one, other) => one + other, 0);
  const n = x.length;
  const sxy = sum(x.map((one, place) => one * (y[place] as number)));
  const slope = (n * sxy - sum(x) * sum(y)) / (n * sum(x.map((one) => one * one)) - sum(x) ** 2);
  const trend = trendOf(x, y);
  expect(trend?.slope).toBeCloseTo(slope, 12);
  expect(trend?.intercept).toBeCloseTo((sum(y) - slope * sum(x)) / n, 12);
});

test("what is not finite does not count", () => {
  expect(trendOf([1, 2, 3, NaN, 4], [1, 2, 3, 5, Infinity])?.count).toBe(3);
});

test("there is no line through two points, or through points above each other", () => {
  expect(trendOf([1, 2], [1, 2])).toBeNull();
  expect(trendOf([1, 1, 1], [1, 2, 3])).toBeNull();
});
