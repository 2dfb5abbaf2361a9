import { expect, test } from "vitest";
import { changed } from "../../address";
import { type CompareState, readCompare, writeCompare } from "./state";

const FULL: CompareState = {
  query: "run.lr > 1e-3",
  view: "parallel",
  x: "run.lr",
  y: 'run.metrics["loss", {"subset": "val"}].last',
  colour: "run.opt",
  trend: true,
  axes: ["run.lr", 'run["batch size"]'],
  logs: new Set(["run.lr"]),
  brushes: [
    { expression: "run.lr", range: { low: 1e-4, high: 0.1 + 0.2 }, names: ["missing"] },
    { expression: "run.opt", range: null, names: ['"adam"', '"a,b\\n"'] },
  ],
  sort: { expression: "run.lr", descending: true },
};

test("a full state comes back from its address", () => {
  const search = changed("", writeCompare(FULL));
  expect(readCompare(new URLSearchParams(search))).toEqual(FULL);
});

test("the defaults leave no trace in the address", () => {
  expect(changed("", writeCompare(readCompare(new URLSearchParams())))).toBe("");
});

test.each(["{", "[]", "[1]", '["a"]', '["a",[2,1]]', '["a",[null,1],[]]', '["a",["x","y"],[3]]', "null"])(
  "a brush that reads %s is none",
  (text) => {
    const search = new URLSearchParams({ brush: text });
    expect(readCompare(search).brushes).toEqual([]);
  },
);
