import { expect, test } from "vitest";
import type { Tagged } from "../../api/types";
import { ordered, valueAt } from "./order";
import type { Line } from "./panels";

function line(title: string, last: number, group: Tagged = null, y: number[] = []): Line {
  return {
    id: title,
    kin: title,
    title,
    name: "",
    context: "",
    x: Float64Array.from(y.keys()),
    y: Float64Array.from(y),
    sorted: true,
    raw: null,
    band: null,
    counts: null,
    colour: "",
    dash: [],
    of: [],
    groups: [group],
    summary: { min: 0, max: 0, last },
  };
}
const titles = (lines: readonly Line[]) => lines.map((one) => one.title);
const LINES = [line("run 10", 2, 0.5), line("run 9", Number.NaN, "high"), line("Run 1", -1, null)];

test("without a wish the order stays", () => {
  expect(ordered(LINES, null, ["g"], null)).toBe(LINES);
});

test("names are sorted as people count", () => {
  expect(titles(ordered(LINES, { column: "run", descending: false }, [], null))).toEqual([
    "Run 1",
    "run 9",
    "run 10",
  ]);
});

test("what has no value comes last, whichever way", () => {
  expect(titles(ordered(LINES, { column: "last", descending: false }, [], null)).at(-1)).toBe("run 9");
  expect(titles(ordered(LINES, { column: "last", descending: true }, [], null))).toEqual([
    "run 10",
    "Run 1",
    "run 9",
  ]);
  expect(titles(ordered(LINES, { column: "group:g", descending: true }, ["g"], null)).at(-1)).toBe("Run 1");
});

test("lines are sorted by what they have at the cursor", () => {
  const lines = [line("a", 0, null, [1, 5]), line("b", 0, null, [2, 4]), line("c", 0, null, [])];
  expect(titles(ordered(lines, { column: "cursor", descending: false }, [], 0))).toEqual(["a", "b", "c"]);
  expect(titles(ordered(lines, { column: "cursor", descending: false }, [], 1))).toEqual(["b", "a", "c"]);
  expect(valueAt(lines[0] as Line, 0.9)).toBe(5);
  expect(valueAt(lines[2] as Line, 0)).toBeNull();
});
