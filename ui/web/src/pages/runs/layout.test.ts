import { expect, test } from "vitest";
import { Layout, type Line, within } from "./layout";

function lines(layout: Layout): Line[] {
  return Array.from({ length: layout.count }, (_, line) => layout.at(line));
}

test("without groups each line is a row", () => {
  expect(lines(new Layout(2))).toEqual([
    { kind: "row", group: null, row: 0 },
    { kind: "row", group: null, row: 1 },
  ]);
});

test("open groups are followed by their rows", () => {
  const layout = new Layout([
    { isOpen: false, rows: 5 },
    { isOpen: true, rows: 2 },
    { isOpen: true, rows: 0 },
    { isOpen: true, rows: 1 },
  ]);
  expect(lines(layout)).toEqual([
    { kind: "group", group: 0 },
    { kind: "group", group: 1 },
    { kind: "row", group: 1, row: 0 },
    { kind: "row", group: 1, row: 1 },
    { kind: "group", group: 2 },
    { kind: "group", group: 3 },
    { kind: "row", group: 3, row: 0 },
  ]);
});

test("a stretch of lines is the rows on it, of each group for itself", () => {
  const layout = new Layout([
    { isOpen: true, rows: 3 },
    { isOpen: false, rows: 9 },
    { isOpen: true, rows: 4 },
  ]);
  expect(layout.stretches(7, 2)).toEqual([
    { group: 0, first: 1, last: 2 },
    { group: 2, first: 0, last: 1 },
  ]);
  expect(layout.stretches(0, 0)).toEqual([]);
  expect(new Layout(10).stretches(8, 3)).toEqual([{ group: null, first: 3, last: 8 }]);
  expect(new Layout(0).stretches(0, 0)).toEqual([]);
});

test("a group's condition holds together with the whole query, whatever that ends in", () => {
  expect(within("", "run.a == 1")).toBe("run.a == 1");
  expect(within("run.b or run.c # note", "run.a == 1")).toBe("(run.b or run.c # note\n) and (run.a == 1\n)");
});
