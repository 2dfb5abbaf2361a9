import { describe, expect, it } from "vitest";
import type { ImageValue, MediaSequence } from "../../api/types";
import { ACROSS, DEFAULT_GROUP, gridOf, groupKeys, SHOWN, shapeOf } from "./grid";

const image = (caption: string): ImageValue => ({
  blob: caption,
  format: "png",
  caption,
  width: 8,
  height: 8,
});
function sequence(
  run: string,
  name: string,
  subset: string,
  steps: { [step: number]: number },
): MediaSequence<ImageValue> {
  const points = Object.entries(steps).map(([step, count]) => ({
    step: Number(step),
    time: 0,
    epoch: null,
    values: Array.from({ length: count }, (_, k) => image(`${run} ${name} ${subset} ${step} ${k}`)),
  }));
  return {
    run,
    run_name: "same name",
    experiment: "e",
    status: "finished",
    name,
    context: { subset },
    attributes: [run === "r1" ? 0.1 : null],
    count: points.length,
    points,
  };
}
const ALL = [
  sequence("r1", "in", "val", { 0: 1, 10: 2 }),
  sequence("r1", "out", "val", { 10: 1 }),
  sequence("r2", "in", "train", { 5: 3 }),
];
const outline = (keys: string[], parameters: string[] = []) => {
  const grid = gridOf(ALL, keys, parameters);
  return grid.rows.map((row) => [
    row.labels.map(({ text }) => text).join("|"),
    row.cells.map((cell) => cell.length),
  ]);
};

describe("gridOf", () => {
  it("has a row for each sequence, and a column for each step of any", () => {
    expect(gridOf(ALL, DEFAULT_GROUP, []).steps).toEqual([0, 5, 10]);
    expect(outline(DEFAULT_GROUP)).toEqual([
      ["same name|in|subset=val", [1, 0, 2]],
      ["same name|out|subset=val", [0, 0, 1]],
      ["same name|in|subset=train", [0, 3, 0]],
    ]);
  });
  it("keeps runs of one name apart, and puts what has the same context together", () => {
    expect(outline(["run"])).toHaveLength(2);
    expect(outline(["context:subset"])).toEqual([
      ["val", [1, 0, 3]],
      ["train", [0, 3, 0]],
    ]);
    expect(outline(["context:other"])).toEqual([["", [1, 3, 3]]]);
  });
  it("groups by a parameter that was asked for", () => {
    expect(outline(["param:run.lr"], ["run.lr"]).map(([label]) => label)).toEqual(["0.1", "None"]);
  });
  it("has a single column where rows are steps, in the order of the steps", () => {
    expect(gridOf(ALL, ["step"], []).steps).toEqual([]);
    expect(outline(["step"])).toEqual([
      ["0", [1]],
      ["5", [3]],
      ["10", [3]],
    ]);
  });
  it("orders places in lists as numbers, within what comes first", () => {
    expect(outline(["name", "index"]).map(([label]) => label)).toEqual(["in|0", "in|1", "in|2", "out|0"]);
  });
  it("names each image by an id of its own", () => {
    const ids = gridOf(ALL, DEFAULT_GROUP, []).rows.flatMap((row) => row.cells.flat().map(({ id }) => id));
    expect(new Set(ids).size).toBe(7);
  });
});

describe("shapeOf", () => {
  it("makes columns as wide as their fullest cell, within bounds", () => {
    const many = [sequence("r", "in", "val", { 0: 1, 1: 4, 2: 100 })];
    const shape = shapeOf(gridOf(many, DEFAULT_GROUP, []), 20);
    expect(shape.across).toEqual([1, 2, ACROSS]);
    expect(shape.down).toEqual([Math.ceil(SHOWN / ACROSS)]);
  });
  it("lets a single column be as wide as there is room", () => {
    const many = [sequence("r", "in", "val", { 0: 100 })];
    expect(shapeOf(gridOf(many, DEFAULT_GROUP, []), 20)).toEqual({ across: [20], down: [5] });
  });
  it("stands for no rows", () => {
    expect(shapeOf(gridOf([], DEFAULT_GROUP, []), 20)).toEqual({ across: [1], down: [] });
  });
});

describe("groupKeys", () => {
  it("offers the keys of contexts and the parameters", () => {
    expect(groupKeys(ALL, ["run.lr"])).toEqual(
      expect.arrayContaining(["context:subset", "param:run.lr", "step"]),
    );
  });
});
