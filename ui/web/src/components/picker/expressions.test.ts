import { expect, test } from "vitest";
import type { Names } from "../../api/types";
import {
  comparisonOptions,
  contextExpression,
  contextKey,
  found,
  groupingOptions,
  shortExpression,
} from "./expressions";

const NAMES: Names = {
  params: ["run.hparams.lr", 'run["batch size"]'],
  metrics: [
    { name: "loss", context: { subset: "val" }, expression: 'run.metrics["loss", {"subset": "val"}]' },
    { name: "acc", context: { "a b": 1 }, expression: 'run.metrics["acc", {"a b": 1}]' },
  ],
  sequences: { images: [], audios: [], texts: [], figures: [], distributions: [] },
  experiments: [],
  tags: [],
};

test("curves are grouped by metric, context, run and parameter", () => {
  const expressions = groupingOptions(NAMES).map((option) => option.expression);
  expect(expressions).toEqual(
    expect.arrayContaining([
      "metric.name",
      "metric.context.subset",
      'metric.context["a b"]',
      "run.hash",
      "run.hparams.lr",
      'run["batch size"]',
    ]),
  );
  expect(new Set(expressions).size).toBe(expressions.length);
});

test("runs are compared by summaries", () => {
  const option = comparisonOptions(NAMES).find((one) => one.label === "loss subset=val · min");
  expect(option?.expression).toBe('run.metrics["loss", {"subset": "val"}].min');
});

test("a context's key comes back from its expression", () => {
  for (const key of ["subset", "a b", 'q"]', "", "ü", "1a"])
    expect(contextKey(contextExpression(key))).toBe(key);
  for (const other of ["metric.context", "metric.context.a.b", 'metric.context["a"]["b"]', "run.context.a"])
    expect(contextKey(other)).toBeNull();
});

test("expressions are shortened where that cannot be mistaken", () => {
  expect(shortExpression("run.hparams.lr")).toBe("hparams.lr");
  expect(shortExpression("run.hash")).toBe("run");
  expect(shortExpression('run.metrics["loss", {"subset": "val"}].last')).toBe("loss subset=val · last");
  expect(shortExpression('run["batch size"]')).toBe('run["batch size"]');
  expect(shortExpression("run.lr * 2")).toBe("run.lr * 2");
});

test("a search finds all its words in any order, what begins with it first", () => {
  const options = comparisonOptions(NAMES);
  expect(found(options, "val MIN").map((one) => one.label)).toEqual(["loss subset=val · min"]);
  expect(found(options, "  ")).toBe(options);
  expect(found(options, "no such")).toEqual([]);
  expect(found(options, "l")[0]?.label.startsWith("l")).toBe(true);
});
