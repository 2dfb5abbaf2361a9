import { expect, test } from "vitest";
import type { Curve } from "../../api/columns";
import { asCsv } from "./csv";
import { type Plan, panelsOf } from "./panels";
import { seriesOf } from "./series";

function curve(more: Partial<Curve>): Curve {
  return {
    run: "h1",
    run_name: 'a "b", c\nd',
    experiment: null,
    status: "finished",
    name: "loss",
    context: { subset: "val" },
    attributes: [0.1],
    count: 4,
    exact: true,
    length: 4,
    x: Float64Array.from([0, 1, 2, 3]),
    y: Float64Array.from([0.1 + 0.2, NaN, -Infinity, 1e-9]),
    smoothed: null,
    ...more,
  };
}
const PLAN: Plan = {
  colour: ["run.lr"],
  stroke: [],
  chart: ["metric.name"],
  asked: ["run.lr"],
  aggregate: null,
  logX: false,
  theme: "light",
};

/** A reader of CSV by the rules of RFC 4180. */
function parsed(text: string): { [column: string]: string }[] {
  const rows: string[][] = [[]];
  let [cell, quoted] = ["", false];
  for (let place = 0; place < text.length; place += 1) {
    const letter = text[place] as string;
    if (quoted && letter === '"' && text[place + 1] === '"') {
      cell += letter;
      place += 1;
    } else if (letter === '"') quoted = !quoted;
    else if (!quoted && (letter === "," || letter === "\n")) {
      rows.at(-1)?.push(cell);
      cell = "";
      if (letter === "\n") rows.push([]);
    } else if (quoted || letter !== "\r") cell += letter;
  }
  const [head, ...body] = rows.filter((row) => row.length > 0);
  return body.map((row) => Object.fromEntries((head ?? []).map((name, place) => [name, row[place] ?? ""])));
}

function exported(curves: Curve[], plan: Plan = PLAN, range = null as { low: number; high: number } | null) {
  const { panels } = panelsOf(seriesOf(curves, [], null), plan);
  return parsed(
    asCsv({ panels, shows: (line) => line.name !== "hidden", x: "step", range, groups: plan.colour }),
  );
}

test("each point is a row, exactly as it was tracked", () => {
  const rows = exported([curve({})]);
  expect(rows.map((row) => [row.step, row.y])).toEqual([
    ["0", "0.30000000000000004"],
    ["1", "nan"],
    ["2", "-inf"],
    ["3", "1e-9"],
  ]);
  expect(rows[0]).toMatchObject({
    chart: "loss",
    run: "h1",
    "run name": 'a "b", c\nd',
    context: '{"subset":"val"}',
    "run.lr": "0.1",
    points: "all",
    kind: "tracked",
    low: "",
  });
});

test("it says where points were thinned out", () => {
  expect(exported([curve({ exact: false })])[0]?.points).toBe("thinned");
});

test("only what is shown is in it", () => {
  expect(exported([curve({}), curve({ name: "hidden" })]).length).toBe(4);
  expect(exported([curve({})], PLAN, { low: 1, high: 2 }).map((row) => row.step)).toEqual(["1", "2"]);
});

test("a smoothed curve comes with what was tracked", () => {
  const smoothed = { x: Float64Array.from([0, 3]), y: Float64Array.from([5, 6]) };
  const rows = exported([curve({ smoothed })]);
  expect(rows.filter((row) => row.kind === "tracked").length).toBe(4);
  expect(rows.filter((row) => row.kind === "smoothed").map((row) => row.y)).toEqual(["5", "6"]);
});

test("an aggregate has its band, and how many curves are in each row", () => {
  const rows = exported(
    [1, 3].map((value) => curve({ run: `h${value}`, y: new Float64Array(4).fill(value) })),
    { ...PLAN, aggregate: { centre: "mean", band: "range" } },
  );
  expect(rows.length).toBe(4);
  expect(rows[0]).toMatchObject({
    kind: "aggregate",
    curves: "2",
    y: "2",
    low: "1",
    high: "3",
    "run.lr": "0.1",
  });
});
