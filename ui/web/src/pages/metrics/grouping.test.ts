import { expect, test } from "vitest";
import type { Curve } from "../../api/columns";
import { askedFor, attributeOf, chartKey, groupTitle, keyOf } from "./grouping";

const CURVE: Curve = {
  run: "0123456789abcdef01234567",
  run_name: "ada",
  experiment: "demo",
  status: "finished",
  name: "loss",
  context: { subset: "val", constructor: 5 },
  attributes: [0.1, { $float: "nan" }],
  count: 0,
  exact: true,
  length: 0,
  x: new Float64Array(),
  y: new Float64Array(),
  smoothed: null,
};
const ASKED = ["run.lr", "run.wd"];

test("only what no answer brings by itself is asked of the server, once", () => {
  expect(
    askedFor({
      colour: ["run.wd", "run.hash"],
      stroke: ["metric.context.subset", "run.lr"],
      chart: ["metric.name", "run.lr", "run.tags"],
    }),
  ).toEqual(["run.lr", "run.tags", "run.wd"]);
});

test("values come from the head, the context and the attributes", () => {
  expect(attributeOf(CURVE, "run.name", ASKED)).toBe("ada");
  expect(attributeOf(CURVE, "metric.context.subset", ASKED)).toBe("val");
  expect(attributeOf(CURVE, "metric.context.constructor", ASKED)).toBe(5);
  expect(attributeOf(CURVE, "metric.context.toString", ASKED)).toBeNull();
  expect(attributeOf(CURVE, "run.lr", ASKED)).toBe(0.1);
  expect(attributeOf(CURVE, "toString", ASKED)).toBeNull();
});

test("values that differ in type make different groups", () => {
  const keys = [1, "1", true, null, [1], { $float: "nan" }, "null"].map((value) => keyOf([value]));
  expect(new Set(keys).size).toBe(keys.length);
  expect(chartKey(["a", "b"])).not.toBe(chartKey(["a,b"]));
});

test("a group is called by its values", () => {
  const name = () => "ada";
  expect(groupTitle(["metric.name", "run.lr"], ["loss", 0.1], name)).toBe("loss, lr = 0.1");
  expect(groupTitle(["run.hash"], ["0123"], name)).toBe("ada");
  expect(groupTitle(["run.name"], [null], name)).toBe("run name = missing");
  expect(groupTitle(["metric.context.subset"], [""], name)).toBe('subset = ""');
  expect(groupTitle([], [], name)).toBe("");
});
