import { expect, test } from "vitest";
import { durationTick, logTick, tick } from "./ticks";

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
