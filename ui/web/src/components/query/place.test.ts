import { expect, test } from "vitest";
import { spanAt } from "./place";

test("a place is the word that begins there", () => {
  expect(spanAt("lr > 0.1", 1, 1)).toEqual({ from: 0, to: 2 });
  expect(spanAt("run.lr &&\nlenn(run.tags)", 2, 1)).toEqual({ from: 10, to: 14 });
});

test("columns are characters, whatever they take here", () => {
  expect(spanAt('run.a == "🙂" && x', 1, 15)).toEqual({ from: 15, to: 16 });
});

test("a place behind the end is the last word before it", () => {
  expect(spanAt("run.lr > ", 1, 10)).toEqual({ from: 7, to: 8 });
  expect(spanAt("run.lr", 7, 99)).toEqual({ from: 4, to: 6 });
});

test("an empty text has an empty span", () => {
  expect(spanAt("", 1, 1)).toEqual({ from: 0, to: 0 });
});
