import { expect, test } from "vitest";
import { changed } from "../../address";
import type { Names } from "../../api/types";
import {
  BUILT_IN_IDS,
  columnChanges,
  columnIds,
  defaultExpressions,
  movedBy,
  movedTo,
  pinChanges,
  pinnedIds,
  sortChanges,
  sortingOf,
  titleOf,
} from "./columns";

const parameters = (text: string) => new URLSearchParams(text);

test("titles are as short as they can be", () => {
  expect(titleOf("run.hparams.lr")).toBe("hparams.lr");
  expect(titleOf('run["batch size"]')).toBe("batch size");
  expect(titleOf('run["a", "b.c"]')).toBe("a.b.c");
  expect(titleOf('run.hparams["say \\"hi\\""].x')).toBe('hparams.say "hi".x');
  expect(titleOf('run.metrics["loss", {"subset": "val"}].last')).toBe("loss subset=val · last");
  expect(titleOf('run.metrics["acc"].max')).toBe("acc · max");
  expect(titleOf("run.lr * 2")).toBe("run.lr * 2");
  expect(titleOf('run.metrics["a", {"b": True}].last')).toBe('"a", {"b": True} · last');
});

test("without a word in the address there are the columns of every run and the default ones", () => {
  expect(columnIds(parameters(""), ["run.lr"])).toEqual([...BUILT_IN_IDS, "run.lr"]);
});

test("expressions in the address stand behind the columns of every run", () => {
  expect(columnIds(parameters("c=run.a&c=run.b&c=run.a"), ["run.lr"])).toEqual([
    ...BUILT_IN_IDS,
    "run.a",
    "run.b",
  ]);
});

test("an address that names a column of every run means exactly these; the name is always there", () => {
  expect(columnIds(parameters("c=run.a&c=status"), [])).toEqual(["name", "run.a", "status"]);
  expect(columnIds(parameters("c=run.a&c=name"), [])).toEqual(["run.a", "name"]);
});

test("what the address says of columns is read as it was written", () => {
  const byDefault = ["run.lr", 'run.metrics["loss", {"a": "&c=="}].last'];
  for (const ids of [
    ["name"],
    ["name", "run.lr"],
    ["status", "name", ...byDefault],
    [...BUILT_IN_IDS, ...byDefault],
  ]) {
    const address = changed("?q=x", columnChanges(ids, byDefault));
    expect(columnIds(parameters(address), byDefault)).toEqual(ids);
  }
  expect(changed("", columnChanges([...BUILT_IN_IDS, ...byDefault], byDefault))).toBe("");
});

test("pins are read as they were written", () => {
  for (const ids of [[], ["name"], ["status", "run.lr"]])
    expect(pinnedIds(parameters(changed("", pinChanges(ids))))).toEqual(ids);
});

test("a column moves to where another stands, and no further than the ends", () => {
  expect(movedTo(["a", "b", "c"], "a", "c")).toEqual(["b", "c", "a"]);
  expect(movedTo(["a", "b", "c"], "c", "a")).toEqual(["c", "a", "b"]);
  expect(movedBy(["a", "b", "c"], "a", -1)).toEqual(["a", "b", "c"]);
  expect(movedBy(["a", "b", "c"], "a", 1)).toEqual(["b", "a", "c"]);
});

test("a header leads from rising to falling to no order", () => {
  const rising = changed("", sortChanges(sortingOf(parameters("")), "run.lr"));
  expect(sortingOf(parameters(rising))).toEqual({ order: "run.lr", descending: false });
  const falling = changed(rising, sortChanges(sortingOf(parameters(rising)), "run.lr"));
  expect(sortingOf(parameters(falling))).toEqual({ order: "run.lr", descending: true });
  expect(changed(falling, sortChanges(sortingOf(parameters(falling)), "run.lr"))).toBe("");
  expect(changed(falling, sortChanges(sortingOf(parameters(falling)), "run.a"))).toBe("?order_by=run.a");
});

test("the default is six parameters and three metrics, first those that most people look at", () => {
  const metric = (name: string, subset?: string) => {
    const context = subset ? { subset } : {};
    return {
      name,
      context,
      expression: `run.metrics["${name}"${subset ? `, {"subset": "${subset}"}` : ""}]`,
    };
  };
  const names = {
    params: [
      "run._x",
      "run.a.b.c",
      "run.hparams.lr",
      'run["batch size"]',
      "run.p1",
      "run.p2",
      "run.p3",
      "run.p4",
    ],
    metrics: [
      metric("__system__cpu"),
      metric("a"),
      metric("loss", "train"),
      metric("loss", "val"),
      metric("acc"),
    ],
  } as unknown as Names;
  expect(defaultExpressions(names)).toEqual([
    ...["run.hparams.lr", 'run["batch size"]', "run.p1", "run.p2", "run.p3", "run.p4"],
    ...['run.metrics["loss", {"subset": "train"}].last', 'run.metrics["loss", {"subset": "val"}].last'],
    'run.metrics["acc"].last',
  ]);
});
