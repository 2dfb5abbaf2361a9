import { expect, test } from "vitest";
import type { Tagged } from "../../api/types";
import { axisFor, placer } from "./axis";
import { nearestPoint, pointsFor, trendFor } from "./points";

const HASHES = ["a", "b", "c", "d"];
const XS: Tagged[] = [1, 10, 100, null];
const YS: Tagged[] = ["adam", "sgd", "adam", "sgd"];
const all = () => true;

test("a number is where its axis has it, a category near it", () => {
  const [x, y] = [axisFor("run.x", XS, true), axisFor("run.y", YS, false)];
  const points = pointsFor(HASHES, all, [x, XS], [y, YS]);
  HASHES.forEach((_, place) => {
    const [exactX, exactY] = [placer(x)(XS[place]), placer(y)(YS[place])];
    if (XS[place] !== null) expect(points.x[place]).toBe(exactX);
    else expect(Math.abs((points.x[place] as number) - exactX)).toBeLessThan(0.023);
    expect(Math.abs((points.y[place] as number) - exactY)).toBeLessThan(0.023);
  });
  expect(pointsFor(HASHES, all, [x, XS], [y, YS])).toEqual(points);
});

test("what is not shown has no place, and is not found", () => {
  const axis = axisFor("run.x", XS, true);
  const points = pointsFor(HASHES, (place) => place !== 1, [axis, XS], [axis, XS]);
  expect(points.x[1]).toBeNaN();
  const at = placer(axis)(10);
  expect(nearestPoint(points, at * 100, (1 - at) * 100, 100, 100, 5)).toBeNull();
  const first = placer(axis)(1);
  expect(nearestPoint(points, first * 100 + 2, (1 - first) * 100, 100, 100, 5)).toBe(0);
});

test("a trend is on the scales that are shown, and of what is shown", () => {
  const x: Tagged[] = [1, 10, 100, 5, null];
  const y: Tagged[] = [2, 4, 6, 1000, 3];
  const axes = [axisFor("run.x", x, true), axisFor("run.y", y, false)] as const;
  const trend = trendFor((place) => place !== 3, [axes[0], x], [axes[1], y]);
  expect(trend?.slope).toBeCloseTo(2, 9);
  expect(trend?.count).toBe(3);
  expect(trendFor(all, [axisFor("run.y", YS, false), YS], [axes[1], y])).toBeNull();
});
