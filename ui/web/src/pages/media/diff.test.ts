import { describe, expect, it } from "vitest";
import { type DiffLine, diffLines, folded } from "./diff";

const side = (lines: DiffLine[], without: DiffLine["kind"]) =>
  lines
    .filter(({ kind }) => kind !== without)
    .map(({ text }) => text)
    .join("\n");
const signs = (before: string, after: string) =>
  diffLines(before, after).map(({ kind, text }) => ({ same: " ", removed: "-", added: "+" })[kind] + text);

describe("diffLines", () => {
  it("shows what was removed and added in their places", () => {
    expect(signs("a\nb\nc", "a\nx\nc")).toEqual([" a", "-b", "+x", " c"]);
    expect(signs("a\nb", "a\nb\nc")).toEqual([" a", " b", "+c"]);
    expect(signs("same", "same")).toEqual([" same"]);
    expect(signs("", "a")).toEqual(["-", "+a"]);
  });
  it("finds the shortest way (Myers' own example)", () => {
    const changes = diffLines([..."ABCABBA"].join("\n"), [..."CBABAC"].join("\n")).filter(
      ({ kind }) => kind !== "same",
    );
    expect(changes).toHaveLength(5);
  });
  it("gives both texts back, whatever they are", () => {
    let seed = 3;
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed % below;
    };
    const text = () => Array.from({ length: random(30) }, () => "abcd"[random(4)]).join("\n");
    for (let round = 0; round < 500; round += 1) {
      const [before, after] = [text(), text()];
      const lines = diffLines(before, after);
      expect(side(lines, "added")).toBe(before);
      expect(side(lines, "removed")).toBe(after);
    }
  });
  it("gives up on the shortest way where texts have nothing in common", () => {
    const [before, after] = ["a", "b"].map((letter) =>
      Array.from({ length: 4000 }, (_, k) => letter + k).join("\n"),
    );
    const lines = diffLines(before as string, after as string);
    expect(side(lines, "added")).toBe(before);
    expect(side(lines, "removed")).toBe(after);
  });
});

describe("folded", () => {
  it("folds what is far from every change", () => {
    const text = Array.from({ length: 50 }, (_, k) => String(k));
    const items = folded(diffLines(text.join("\n"), text.with(25, "x").join("\n")), 3);
    expect(items.map((item) => (item.kind === "fold" ? item.lines.length : item.text))).toEqual([
      22,
      "22",
      "23",
      "24",
      "25",
      "x",
      "26",
      "27",
      "28",
      21,
    ]);
  });
  it("does not fold a line or two", () => {
    expect(folded(diffLines("a\nb\nc", "a\nb\nx"), 0).some(({ kind }) => kind === "fold")).toBe(false);
  });
});
