import { describe, expect, it } from "vitest";
import type { MediaSequence, TextValue } from "../../api/types";
import { pieces, textRows } from "./rows";

const texts = (...values: (string | { error: string })[]): MediaSequence<TextValue> => ({
  run: "r",
  run_name: null,
  experiment: null,
  status: "finished",
  name: "answers",
  context: {},
  attributes: [],
  count: values.length,
  points: values.map((value, step) => ({
    step,
    time: 0,
    epoch: null,
    values: [typeof value === "string" ? { text: value, length: value.length } : value],
  })),
});

describe("textRows", () => {
  it("has the texts of a phrase below their sequence, and what cannot be read", () => {
    const rows = textRows([texts("A cat", "a dog", { error: "damaged" }), texts("a cow")], "CAT");
    expect(rows.map((row) => (row.kind === "head" ? "head" : row.step))).toEqual(["head", 0, 2]);
  });
  it("has all of them without a phrase", () => {
    expect(textRows([texts("a", "b")], "")).toHaveLength(3);
  });
});

describe("pieces", () => {
  it("gives the text back, with the phrase told apart", () => {
    expect(pieces("a Cat, a cat", "cat")).toEqual([
      { text: "a ", isHit: false },
      { text: "Cat", isHit: true },
      { text: ", a ", isHit: false },
      { text: "cat", isHit: true },
    ]);
  });
  it("marks nothing where lower case is longer than the text", () => {
    expect(pieces("İ cat", "cat")).toEqual([{ text: "İ cat", isHit: false }]);
  });
});
