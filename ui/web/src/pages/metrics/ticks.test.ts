import { expect, test } from "vitest";
import { durationTick, linearTicks, logTick, logTicks, tick } from "./ticks";

test.each([
  [0, 1, "0"],
  [0.25, 0.05, "0.25"],
  [0.30000000000000004, 0.1, "0.3"],
  [12000, 2000, "12,000"],
  [-5, 5, "−5"],
  [2.5e-5, 5e-6, "2.5e−5"],
  [2e-5, 1e-5, "2e−5"],
  [1.5e7, 5e6, "1.5e7"],
  [1e7, 5e6, "1e7"],
  [1234567, 1, "1.234567e6"],
])("a tick of %d, %d apart, reads %s", (value, step, text) => {
  expect(tick(value, step)).toBe(text);
});

test("neighbouring ticks never read the same", () => {
  for (const step of [1e-9, 0.002, 0.05, 1, 25, 5000, 2e8])
    for (const start of [0, 7, 1234])
      expect(tick(step * start, step)).not.toBe(tick(step * (start + 1), step));
});

test("on a logarithmic axis ticks read as they are", () => {
  expect([1e-5, 0.001, 0.01, 1, 10, 1000, 1e8].map(logTick)).toEqual([
    "1e−5",
    "0.001",
    "0.01",
    "1",
    "10",
    "1,000",
    "1e8",
  ]);
});

test("times that have passed read in the unit that suits them", () => {
  expect([0, 0.01, 5, 90, 3600, 86400 * 3, -5].map(durationTick)).toEqual([
    "0",
    "10 ms",
    "5 s",
    "1:30",
    "1:00:00",
    "3 d",
    "−5 s",
  ]);
});

test("ticks lie inside, are few, and go up", () => {
  for (const ticks of [logTicks, linearTicks])
    for (const [low, high] of [
      [1e-300, 1e300],
      [0.013, 0.014],
      [1, 1000],
      [3e-17, 29],
      [5, 6],
      [1e-9, 2e-9],
      [9.99, 1e5],
    ] as const)
      for (const most of [2, 5, 12]) {
        const found = ticks(low, high, most);
        expect(found.length).toBeLessThanOrEqual(most + 2);
        const slack = (high - low) * 1e-6;
        for (const one of found) expect(one >= low - slack && one <= high + slack).toBe(true);
        expect(found).toEqual([...new Set(found)].sort((one, other) => one - other));
      }
});

test("logarithmic ticks are powers of ten, and between them where there is room", () => {
  expect(logTicks(1, 1000, 5)).toEqual([1, 10, 100, 1000]);
  expect(logTicks(1, 100, 8)).toEqual([1, 2, 5, 10, 20, 50, 100]);
  expect(logTicks(1e-12, 1, 5)).toEqual([1e-12, 1e-9, 1e-6, 1e-3, 1]);
  expect(logTicks(12, 14, 5)).toEqual([12, 12.5, 13, 13.5, 14]);
});

test("linear ticks are round", () => {
  expect(linearTicks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  expect(linearTicks(-0.3, 0.3, 6)).toEqual([-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3]);
  expect(linearTicks(1234, 5678, 4)).toEqual([2000, 4000]);
});
