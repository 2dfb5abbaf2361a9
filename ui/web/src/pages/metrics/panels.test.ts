import { expect, test } from "vitest";
import type { Curve } from "../../api/columns";
import { type Plan, panelsOf } from "./panels";
import { seriesOf } from "./series";

function curve(run: number, name: string, subset: string, lr = run / 100): Curve {
  return {
    run: `hash${run}`,
    run_name: run === 3 ? null : `run ${run}`,
    experiment: null,
    status: "finished",
    name,
    context: { subset },
    attributes: [lr],
    count: 2,
    exact: true,
    length: 2,
    x: Float64Array.from([0, 1]),
    y: Float64Array.from([run, run + 1]),
    smoothed: null,
  };
}

const CURVES = [1, 2, 3].flatMap((run) =>
  ["loss", "acc"].flatMap((name) => ["train", "val"].map((subset) => curve(run, name, subset))),
);
const PLAN: Plan = {
  colour: ["run.hash"],
  stroke: ["metric.context.subset"],
  chart: ["metric.name"],
  asked: ["run.lr"],
  aggregate: null,
  logX: false,
  theme: "light",
};

test("each value of what charts are made by has a chart, and each curve is in one", () => {
  const { panels } = panelsOf(seriesOf(CURVES, [], null), PLAN);
  expect(panels.map((panel) => panel.title)).toEqual(["acc", "loss"]);
  expect(panels.map((panel) => panel.lines.length)).toEqual([6, 6]);
  const ids = panels.flatMap((panel) => panel.lines.map((line) => line.id));
  expect(new Set(ids).size).toBe(CURVES.length);
});

test("lines of a run share its colour in all charts, lines of a stroke its dash", () => {
  const lines = panelsOf(seriesOf(CURVES, [], null), PLAN).panels.flatMap((panel) => panel.lines);
  for (const one of lines)
    for (const other of lines) {
      expect(one.colour === other.colour).toBe(one.kin === other.kin);
      expect(one.dash === other.dash).toBe(one.context === other.context);
    }
  expect(lines.find((line) => line.context === "subset=train")?.dash).toEqual([]);
});

test("colours stay when a run comes in", () => {
  const before = panelsOf(seriesOf(CURVES, [], null), PLAN);
  const after = panelsOf(seriesOf([curve(0, "loss", "val"), ...CURVES], [], null), PLAN, before);
  for (const [key, number] of before.colours) expect(after.colours.get(key)).toBe(number);
});

test("an aggregate has a line for each group of each chart, and says how many curves are in it", () => {
  const plan: Plan = { ...PLAN, colour: [], aggregate: { centre: "mean", band: "range" } };
  const { panels } = panelsOf(seriesOf(CURVES, [], null), plan);
  const lines = panels.flatMap((panel) => panel.lines);
  expect(lines.length).toBe(4);
  expect(new Set(lines.map((line) => line.id)).size).toBe(4);
  for (const line of lines) {
    expect(line.of.length).toBe(3);
    expect(Array.from(line.counts ?? [])).toEqual([3, 3]);
    expect(Array.from(line.y)).toEqual([2, 3]);
    expect(Array.from(line.band?.low ?? [])).toEqual([1, 2]);
    expect(Array.from(line.band?.high ?? [])).toEqual([3, 4]);
  }
  expect(lines.map((line) => line.title).sort()).toEqual(
    ["subset = train", "subset = train", "subset = val", "subset = val"].sort(),
  );
});

test("many numbers are coloured by a scale", () => {
  const many = Array.from({ length: 12 }, (_, run) => curve(run, "loss", "val"));
  const { scale, panels } = panelsOf(seriesOf(many, [], null), { ...PLAN, colour: ["run.lr"] });
  expect(scale).toEqual([0, 0.11]);
  expect(new Set(panels[0]?.lines.map((line) => line.colour)).size).toBe(12);
});

test("without a grouping there is one chart", () => {
  const plan: Plan = { ...PLAN, colour: [], stroke: [], chart: [] };
  const { panels } = panelsOf(seriesOf(CURVES, [], null), plan);
  expect(panels.map((panel) => panel.title)).toEqual(["All curves"]);
  expect(new Set(panels[0]?.lines.map((line) => line.colour)).size).toBe(1);
});
