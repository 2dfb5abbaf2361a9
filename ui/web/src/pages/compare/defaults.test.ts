import { expect, test } from "vitest";
import type { Names } from "../../api/types";
import { firstAxes, firstParameter, firstResult } from "./defaults";

function names(params: string[], metrics: [string, { [key: string]: string }][]): Names {
  return {
    params,
    metrics: metrics.map(([name, context]) => ({
      name,
      context,
      expression: `run.metrics[${JSON.stringify(name)}, ${JSON.stringify(context)}]`,
    })),
    sequences: { images: [], audios: [], texts: [], figures: [], distributions: [] },
    experiments: [],
    tags: [],
  };
}

test("the loss of validation is looked for first, what the machine tells of itself last", () => {
  const some = names(
    ["run.a", "run.b", "run.c", "run.d", "run.e"],
    [
      ["__system__cpu", {}],
      ["acc", {}],
      ["loss", { subset: "train" }],
      ["loss", { subset: "val" }],
    ],
  );
  expect(firstResult(some)).toBe('run.metrics["loss", {"subset":"val"}].last');
  expect(firstAxes(some)).toEqual(["run.a", "run.b", "run.c", "run.d", firstResult(some)]);
});

test("a repository without parameters and metrics still has something to compare", () => {
  const none = names([], []);
  expect(firstParameter(none)).toBe("run.creation_time");
  expect(firstResult(none)).toBe("run.duration");
  expect(firstAxes(none)).toEqual(["run.creation_time", "run.duration"]);
});
