import { expect, test } from "vitest";
import { allocated, ramp, rank, scaleOf } from "./colouring";

const names = (count: number) => Array.from({ length: count }, (_, number) => `run ${number}`);

test("as many keys as there are colours have a colour each", () => {
  expect(new Set(allocated(names(16)).values()).size).toBe(16);
});

test("colours are given evenly", () => {
  const times = new Map<number, number>();
  for (const number of allocated(names(48)).values()) times.set(number, (times.get(number) ?? 0) + 1);
  expect([...times.values()]).toEqual(new Array(16).fill(3));
});

test("the order of the keys does not matter", () => {
  expect(allocated(names(30).reverse())).toEqual(allocated(names(30)));
});

test("a key keeps its colour while others come and go", () => {
  const first = allocated(names(10));
  const second = allocated([...names(40).slice(5)], first);
  for (const name of names(10).slice(5)) expect(second.get(name)).toBe(first.get(name));
  expect(second.has("run 0")).toBe(false);
});

test("many different numbers make a scale, few do not, and neither do texts", () => {
  const numbers = Array.from({ length: 12 }, (_, number) => number / 10);
  expect(scaleOf([...numbers, null, { $float: "nan" }])).toEqual(numbers);
  expect(scaleOf(numbers.slice(0, 4))).toBeNull();
  expect(scaleOf([...numbers, "high"])).toBeNull();
});

test("a rank goes from 0 to 1", () => {
  const scale = [1, 2, 4, 1000];
  expect(scale.map((one) => rank(scale, one))).toEqual([0, 1 / 3, 2 / 3, 1]);
  expect(rank([5], 5)).toBe(0);
});

test("the ends of the ramp are its first and its last colour", () => {
  expect(ramp(0, "light")).toBe("rgb(64 32 138)");
  expect(ramp(1, "light")).toBe("rgb(184 52 27)");
  expect(ramp(7, "light")).toBe(ramp(1, "light"));
});

test("few keys have the first colours", () => {
  expect([...allocated(["sgd", "adam", "lion"]).entries()]).toEqual([
    ["adam", 0],
    ["lion", 1],
    ["sgd", 2],
  ]);
});
