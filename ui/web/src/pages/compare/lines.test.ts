import { expect, test } from "vitest";
import { axisFor } from "./axis";
import { crossingsFor, innerWidth, LEAST, leftsFor, moved, nearestAxis, nearestLine } from "./lines";

const AXES = [axisFor("run.a", [0, 10], false), axisFor("run.b", [0, 10], false)];
const VALUES = [
  [0, 10, 5],
  [10, 0, 5],
];
const CROSSINGS = crossingsFor(AXES, VALUES, [0, 100]);

test("axes are never closer than they can be read", () => {
  const width = innerWidth(20, 390);
  const lefts = leftsFor(20, width);
  for (let place = 1; place < 20; place += 1)
    expect((lefts[place] as number) - (lefts[place - 1] as number)).toBeGreaterThanOrEqual(LEAST - 1e-9);
  expect(innerWidth(3, 1200)).toBe(1200);
  expect(leftsFor(1, 500)).toHaveLength(1);
});

test("the nearest line is found between the axes, and at them", () => {
  const all = [true, true, true];
  const at = (run: number, axis: number) => (1 - (CROSSINGS.places[axis]?.[run] as number)) * 200;
  for (const run of [0, 1]) {
    expect(nearestLine(CROSSINGS, all, 0, at(run, 0), 200, 10)).toBe(run);
    expect(nearestLine(CROSSINGS, all, 100, at(run, 1), 200, 10)).toBe(run);
    expect(nearestLine(CROSSINGS, all, 25, (3 * at(run, 0) + at(run, 1)) / 4, 200, 10)).toBe(run);
  }
  expect(nearestLine(CROSSINGS, all, 0, 60, 200, 10)).toBeNull();
  expect(nearestLine(CROSSINGS, [false, true, true], 0, at(0, 0), 200, 10)).toBeNull();
});

test("an axis is moved among the others", () => {
  expect(moved(["a", "b", "c"], 0, 2)).toEqual(["b", "c", "a"]);
  expect(moved(["a", "b", "c"], 2, 0)).toEqual(["c", "a", "b"]);
  expect(moved(["a", "b", "c"], 1, 1)).toEqual(["a", "b", "c"]);
  expect(moved(["a", "b", "c"], 0, 99)).toEqual(["b", "c", "a"]);
  expect(nearestAxis([0, 100, 200], 149)).toBe(1);
  expect(nearestAxis([0, 100, 200], 1000)).toBe(2);
});
