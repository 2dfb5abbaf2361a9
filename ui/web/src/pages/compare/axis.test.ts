import { expect, test } from "vitest";
import type { Tagged } from "../../api/types";
import { axisFor, marks, nameOn, numberAt, placer } from "./axis";

const NAN: Tagged = { $float: "nan" };

test("numbers stand in their order, all that is none below them", () => {
  const values: Tagged[] = [1, 5, 3, null, NAN, { $float: "inf" }, null];
  const axis = axisFor("run.lr", values, false);
  const place = placer(axis);
  expect(place(1)).toBeLessThan(place(3));
  expect(place(3)).toBeLessThan(place(5));
  expect(place(5)).toBeLessThanOrEqual(1);
  for (const odd of [null, NAN, { $float: "inf" }]) expect(place(odd)).toBeLessThan(axis.base);
  expect(new Set([null, NAN, { $float: "inf" }].map(place)).size).toBe(3);
  expect(axis.slots.map(({ name, count }) => [name, count])).toEqual([
    ["missing", 2],
    ["NaN", 1],
    ["∞", 1],
  ]);
});

test("without odd values there is no room for them", () => {
  expect(axisFor("run.lr", [1, 2], false).base).toBe(0);
});

test("on a logarithmic axis zero has a slot", () => {
  const axis = axisFor("run.lr", [0, -1, 0.001, 1, 1000], true);
  const place = placer(axis);
  expect(axis.slots).toMatchObject([{ name: "≤ 0", count: 2 }]);
  expect(place(1)).toBeCloseTo((place(0.001) + place(1000)) / 2, 9);
});

test("a value that is no number makes all of them categories", () => {
  const axis = axisFor("run.lr", [0.1, "0.1", "adam", true, null], true);
  expect(axis.range).toBeNull();
  expect(axis.log).toBe(false);
  const place = placer(axis);
  expect(place(0.1)).not.toBe(place("0.1"));
  expect(place(true)).not.toBe(place("adam"));
  expect(nameOn(axis, "adam")).toBe('"adam"');
  expect(nameOn(axis, null)).toBe("missing");
  expect(place("other")).toBeNaN();
});

test("numbers and places go there and back", () => {
  for (const log of [false, true]) {
    const axis = axisFor("run.lr", [0.001, 10, null], log);
    for (const value of [0.001, 0.5, 10]) expect(numberAt(axis, placer(axis)(value))).toBeCloseTo(value, 9);
    expect(numberAt(axis, 0)).toBeNaN();
  }
});

test("nothing but missing values still makes an axis", () => {
  const axis = axisFor("run.lr", [null, null], false);
  expect(axis.slots).toMatchObject([{ name: "missing", count: 2 }]);
  expect(placer(axis)(null)).toBeGreaterThan(0);
  expect(marks(axis, 200, 30)).toHaveLength(1);
});

test("marks are where their numbers are", () => {
  const axis = axisFor("run.lr", [0, 10, null], false);
  for (const { at, text, isSlot } of marks(axis, 300, 30))
    if (!isSlot) expect(placer(axis)(Number(text))).toBeCloseTo(at, 9);
});

test("of many categories some are named", () => {
  const axis = axisFor(
    "run.hash",
    Array.from({ length: 500 }, (_, place) => `h${place}`),
    false,
  );
  const named = marks(axis, 300, 30);
  expect(named.length).toBeLessThanOrEqual(19);
  expect(named.length).toBeGreaterThan(5);
});

test("an axis that is cut to some runs stays of its kind", () => {
  const values: Tagged[] = [1, 2, "high"];
  const axis = axisFor("run.a", values, false, [true, true, false]);
  expect(axis.range).toBeNull();
  expect(axis.categories.map((one) => one.key)).toEqual(["1", "2"]);
});
