import { expect, test } from "vitest";
import type { Tagged } from "../../api/types";
import { axisFor, placer } from "./axis";
import { type Brush, brushBetween, conditionOf, covered, passes } from "./brush";

const NUMBERS: Tagged[] = [0.001, 0.01, 0.1, 1, 0, null, { $float: "nan" }];
const MIXED: Tagged[] = ["adam", "sgd", "lion", null, "adam"];

test("a brush lets through what lies between its ends, and nothing else", () => {
  for (const values of [NUMBERS, MIXED])
    for (const log of [false, true]) {
      const axis = axisFor("run.a", values, log);
      const place = placer(axis);
      for (const [from, to] of [
        [0, 1],
        [0.5, 0],
        [0.3, 0.7],
        [0, 0.02],
      ] as const) {
        const brush = brushBetween(axis, from, to);
        for (const value of values) {
          const inside = place(value) >= Math.min(from, to) && place(value) <= Math.max(from, to);
          expect(brush !== null && passes(axis, brush, value)).toBe(inside);
        }
      }
    }
});

test("a brush over nothing is none", () => {
  const axis = axisFor("run.a", MIXED, false);
  expect(brushBetween(axis, 0.08, 0.081)).toBeNull();
});

test("what a brush covers is where what it lets through is", () => {
  for (const values of [NUMBERS, MIXED]) {
    const axis = axisFor("run.a", values, false);
    const brush = brushBetween(axis, 0.05, 0.8) as Brush;
    const parts = covered(axis, brush);
    for (const value of values) {
      const at = placer(axis)(value);
      const inside = parts.some(([from, to]) => at >= from - 1e-9 && at <= to + 1e-9);
      expect(inside).toBe(passes(axis, brush, value));
    }
  }
});

test("a brush says in a query what it shows", () => {
  const brush = (range: Brush["range"], names: string[]) => ({ expression: "run.a", range, names });
  expect(conditionOf(brush({ low: 0.1, high: 2 }, []))).toBe("0.1 <= run.a <= 2");
  expect(conditionOf(brush({ low: 0.1, high: 2 }, ["missing"]))).toBe("(0.1 <= run.a <= 2 or run.a is None)");
  expect(conditionOf(brush(null, ['"a\\"b"', "true", "5"]))).toBe('run.a in ["a\\"b", True, 5]');
  expect(conditionOf(brush(null, ["NaN"]))).toBeNull();
  expect(conditionOf(brush(null, ["[1]"]))).toBeNull();
});
