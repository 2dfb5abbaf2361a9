import { describe, expect, it } from "vitest";
import { conditionOf, expressionOf, sequenceCondition } from "./expression";
import { entriesOf, idOf, leafText, openAtFirst, rowsOf } from "./tree";

const TREE = {
  lr: 0.1,
  hparams: { depth: 4, "batch size": 64, optim: { name: "adam", betas: [0.9, 0.999] } },
  stages: [{ epochs: 3 }, { epochs: 5 }],
};
const labels = (words: string, open = openAtFirst(TREE)) =>
  rowsOf(TREE, open, words).map(({ depth, label }) => "  ".repeat(depth) + label);

describe("rowsOf", () => {
  it("shows what is below open branches", () => {
    expect(labels("", new Set())).toEqual(["lr", "hparams", "stages"]);
    expect(labels("", new Set([idOf(["hparams"])]))).toEqual([
      "lr",
      "hparams",
      "  depth",
      "  batch size",
      "  optim",
      "stages",
    ]);
  });
  it("finds a value, and shows what leads to it", () => {
    expect(labels("adam", new Set())).toEqual(["hparams", "  optim", "    name"]);
  });
  it("finds a name, and shows what is below it", () => {
    expect(labels("optim")).toEqual(["hparams", "  optim", "    name", "    betas"]);
  });
  it("wants all the words, in any order and case, in names, expressions and values", () => {
    expect(labels("ADAM hparams")).toEqual(["hparams", "  optim", "    name"]);
    expect(labels("run.hparams.depth 4")).toEqual(["hparams", "  depth"]);
    expect(labels("depth 5")).toEqual([]);
  });
  it("does not look for what branches hold in their own row", () => {
    expect(labels("0.999")).toEqual(["hparams", "  optim", "    betas"]);
  });
  it("has paths with the places in lists", () => {
    const row = rowsOf(TREE, openAtFirst(TREE), "epochs").find(({ value }) => value === 5);
    expect(expressionOf(row?.path ?? [])).toBe("run.stages[1].epochs");
  });
});

describe("openAtFirst", () => {
  it("leaves branches closed that would be too many rows", () => {
    const wide = {
      many: Object.fromEntries(Array.from({ length: 300 }, (_, k) => [`p${k}`, k])),
      few: { a: { b: 1 } },
    };
    expect(openAtFirst(wide, 200)).toEqual(new Set([idOf(["few"]), idOf(["few", "a"])]));
    expect(openAtFirst({ few: wide.few }, 200)).toEqual(new Set([idOf(["few"]), idOf(["few", "a"])]));
  });
});

describe("entriesOf", () => {
  it("opens dictionaries with odd keys, and leaves tagged values whole", () => {
    expect(
      entriesOf({
        $dict: [
          [1, "a"],
          ["$x", "b"],
        ],
      }),
    ).toEqual([
      [1, "a"],
      ["$x", "b"],
    ]);
    expect(entriesOf({ $float: "nan" })).toBeNull();
    expect(entriesOf([1, [2, 3]])).toBeNull();
    expect(entriesOf([])).toBeNull();
  });
});

describe("leafText", () => {
  it("has words for what JSON has none for", () => {
    expect(leafText(null)).toBe("None");
    expect(leafText([1, "a", true, { $float: "inf" }])).toBe('[1, "a", True, inf]');
    expect(leafText({ $array: ["<f4", [2, 3], "AAAA"] })).toBe("array <f4 (2, 3)");
    expect(leafText({ $set: [1, 2] })).toBe("{1, 2}");
    expect(leafText({ $datetime: "2026-01-02T03:04:05+00:00" })).toBe("2026-01-02T03:04:05+00:00");
    expect(leafText({ $object: ["image", { width: 28, height: 14, caption: "a <b>" }] })).toBe(
      "image 28×14 “a <b>”",
    );
    expect(leafText({})).toBe("{}");
    expect(leafText({ a: { b: [{ c: 1 }] }, d: "x" })).toBe('{a: {b: [{c: 1}]}, d: "x"}');
  });
  it("keeps every digit", () => {
    expect(leafText(0.1 + 0.2)).toBe("0.30000000000000004");
    expect(leafText(-1e-8)).toBe("-1e-8");
    expect(leafText({ $int: "-0x10000000000000000" })).toBe("-18446744073709551616");
  });
});

describe("expressions", () => {
  it("uses dots only where AimQL does", () => {
    expect(expressionOf(["hparams", "lr"])).toBe("run.hparams.lr");
    expect(expressionOf(["batch size"])).toBe('run["batch size"]');
    expect(expressionOf(["name"])).toBe('run["name"]');
    expect(expressionOf(["a", "items", "class", "_b"])).toBe('run.a["items"]["class"]["_b"]');
    expect(expressionOf(['"] or True or run["'])).toBe('run["\\"] or True or run[\\""]');
  });
  it("writes values, or says that it cannot", () => {
    expect(conditionOf(["lr"], 0.1)).toBe("run.lr == 0.1");
    expect(conditionOf(["a"], [1, "x", [null]])).toBe('run.a == [1, "x", [None]]');
    expect(conditionOf(["a"], { $int: "-0xff" })).toBe("run.a == -255");
    expect(conditionOf(["a"], { $float: "nan" })).toBeNull();
    expect(conditionOf(["a"], [{ $float: "nan" }])).toBeNull();
  });
  it("asks for a sequence by its name and context", () => {
    expect(sequenceCondition("abc", "metric", 'lo"ss', { subset: "val" })).toBe(
      'run.hash == "abc" and metric.name == "lo\\"ss" and metric.context["subset"] == "val"',
    );
  });
});
