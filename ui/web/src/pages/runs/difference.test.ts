import { expect, test } from "vitest";
import type { RunDetails, Tagged } from "../../api/types";
import { columnOf } from "./columns";
import { differsIn, expressionOf, isSame, leaves, sideBySide } from "./difference";
import type { RunRow } from "./pages";

function details(params: { [key: string]: Tagged }, last: Tagged = 1): RunDetails {
  const summary = { first: 0, last, min: 0, max: 1, mean: 0.5, count: 2, first_step: 0, last_step: 1 };
  return {
    ...{ hash: "a", name: "a", experiment: "e", description: null, status: "finished", created: 1, ended: 2 },
    ...{
      duration: 1,
      archived: false,
      tags: ["x"],
      notes: [],
      artifacts: [],
      system: {},
      writers: [],
      problems: [],
    },
    params,
    sequences: [{ kind: "metric", name: "loss", context: { subset: "val" }, summary }],
  };
}

test("paths become AimQL, in brackets where a dot would mean something else", () => {
  expect(expressionOf(["hparams", "lr"])).toBe("run.hparams.lr");
  expect(expressionOf(["batch size"])).toBe('run["batch size"]');
  expect(expressionOf(["name"])).toBe('run["name"]');
  expect(expressionOf(["model", "name"])).toBe("run.model.name");
  expect(expressionOf(["lambda", "_x"])).toBe('run["lambda"]["_x"]');
});

test("leaves are values, lists, empty trees and tagged values", () => {
  const found = leaves({ a: { b: 1, c: [1, { d: 2 }] }, e: {}, f: { $float: "nan" } });
  expect([...found.keys()]).toEqual(["run.a.b", "run.a.c", "run.e", "run.f"]);
});

test("values are the same by what they hold", () => {
  expect(isSame({ a: 1, b: [1, 2] }, { b: [1, 2], a: 1 })).toBe(true);
  expect(isSame({ $float: "nan" }, { $float: "nan" })).toBe(true);
  expect(isSame([1], [1, 2])).toBe(false);
  expect(isSame({ a: 1 }, [1])).toBe(false);
  expect(isSame(null, undefined)).toBe(false);
  expect(isSame(1, "1")).toBe(false);
});

test("what differs is marked, and what one of them lacks differs", () => {
  const found = sideBySide([details({ lr: 1, opt: "a", same: 0 }), details({ lr: 2, same: 0 }, 3)]);
  const differing = found.filter(({ differs }) => differs).map(({ expression }) => expression);
  expect(differing).toEqual(["run.lr", "run.opt", 'run.metrics["loss", {"subset": "val"}].last']);
  expect(found.find(({ title }) => title === "opt")?.values).toEqual(["a", undefined]);
  expect(found.find(({ kind }) => kind === "metric")?.title).toBe("loss subset=val");
});

test("a column is left out where the selected runs are known to agree", () => {
  const row = (lr: Tagged | undefined, tags: string[]): RunRow => ({
    ...{
      hash: String(lr),
      name: "a",
      experiment: "e",
      status: "finished",
      created: 1,
      ended: 2,
      archived: false,
    },
    tags,
    values: lr === undefined ? new Map() : new Map([["run.lr", lr]]),
  });
  const differs = (id: string, ...rows: RunRow[]) => differsIn(columnOf(id), rows);
  expect(differs("run.lr", row(1, []), row(1, []))).toBe(false);
  expect(differs("run.lr", row(1, []), row(2, []))).toBe(true);
  expect(differs("run.lr", row(1, []), row(undefined, []))).toBe(true);
  expect(differs("tags", row(1, ["a", "b"]), row(2, ["b", "a"]))).toBe(false);
  expect(differs("experiment", row(1, []), row(2, []))).toBe(false);
  expect(differs("name", row(1, []), row(2, []))).toBe(true);
});
