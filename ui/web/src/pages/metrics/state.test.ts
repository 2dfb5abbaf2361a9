import { expect, test } from "vitest";
import { changed } from "../../address";
import { type MetricsState, readState, writeState } from "./state";

const FULL: MetricsState = {
  query: 'metric.name == "loss" and run.lr > 1e-3',
  x: "metric:epoch loss",
  smooth: 0.6,
  colour: ["run.hparams.lr", 'metric.context["a b"]'],
  stroke: ["metric.context.subset"],
  chart: [],
  aggregate: { centre: "median", band: "quartiles" },
  logX: true,
  logY: true,
  trimmed: true,
  xRange: { low: -1.5, high: 2e300 },
  yRanges: new Map([
    ["k1", { low: 1e-9, high: 0.1 + 0.2 }],
    ["k2", { low: -5, high: -4 }],
  ]),
  hidden: new Set(["abc", "d1"]),
  only: new Set(["z9"]),
  offset: 1000,
  sort: { column: "group:run.hparams.lr", descending: true },
};

function thereAndBack(state: Partial<MetricsState>): MetricsState {
  return readState(new URLSearchParams(changed("", writeState(state))));
}

test("a full state comes back from its address", () => {
  expect(thereAndBack(FULL)).toEqual(FULL);
});

test("the defaults leave no trace in the address", () => {
  const initial = readState(new URLSearchParams());
  expect(initial.colour).toEqual(["run.hash"]);
  expect(initial.chart).toEqual(["metric.name"]);
  expect(changed("", writeState(initial))).toBe("");
});

test("asking for everything is not asking nothing", () => {
  expect(thereAndBack({ query: "" }).query).toBe("");
  expect(thereAndBack({ query: null }).query).toBeNull();
  const search = changed("?all=1", writeState({ query: "run.lr" }));
  expect(readState(new URLSearchParams(search)).query).toBe("run.lr");
  expect(search).not.toContain("all");
});

test("showing only none is kept apart from showing all", () => {
  expect(thereAndBack({ only: new Set() }).only).toEqual(new Set());
  expect(thereAndBack({ only: null }).only).toBeNull();
});

test.each([
  "xrange=",
  "xrange=5",
  "xrange=5..",
  "xrange=5..4",
  "xrange=nan..4",
  "xrange=..",
  "xrange=-Infinity..4",
  "smooth=1",
  "smooth=-3",
  "smooth=x",
  "offset=-7",
  "offset=x",
  "aggregate=mode.range",
  "sort=nothing",
  "yrange=:1..2",
  "yrange=abc",
])("an address with %s is read as if that stood not there", (search) => {
  expect(readState(new URLSearchParams(search))).toEqual(readState(new URLSearchParams()));
});
