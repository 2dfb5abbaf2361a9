import { describe, expect, it } from "vitest";
import { found, isSystem, keyOf, portionQuery, portions, type RunSequence, titleOf } from "./sequences";

const summary = { first: 1, last: 1, min: 1, max: 1, mean: 1, count: 1, first_step: 0, last_step: 0 };
const metric = (name: string, context: RunSequence["context"] = {}): RunSequence => ({
  kind: "metric",
  name,
  context,
  summary,
});

describe("sequences", () => {
  it("are the same whatever the order of their context", () => {
    expect(keyOf(metric("a", { x: 1, y: 2 }))).toBe(keyOf(metric("a", { y: 2, x: 1 })));
    expect(keyOf(metric("a", { x: 1 }))).not.toBe(keyOf(metric("a", { x: "1" })));
  });
  it("of the machine have names for people", () => {
    expect(isSystem(metric("__system__cpu"))).toBe(true);
    expect(titleOf(metric("__system__memory_percent"))).toBe("memory percent");
    expect(titleOf(metric("my_loss"))).toBe("my_loss");
  });
  it("are found by words in names and contexts", () => {
    const all = [metric("loss", { subset: "val" }), metric("loss", { subset: "train" }), metric("accuracy")];
    expect(found(all, "LOSS val")).toEqual([all[0]]);
    expect(found(all, " ")).toEqual(all);
  });
});

describe("portions", () => {
  it("have each metric once, and those of one name together", () => {
    const all = Array.from({ length: 100 }, (_, k) => metric(`m${String(k >> 1).padStart(3, "0")}`, { k }));
    const parts = portions(all, 24);
    expect(parts.flatMap(({ keys }) => keys)).toEqual(all.map(keyOf));
    expect(new Set(parts.flatMap(({ names }) => names)).size).toBe(
      parts.flatMap(({ names }) => names).length,
    );
  });
  it("make queries that the server takes, however long and odd the names are", () => {
    const all = Array.from({ length: 60 }, (_, k) => metric(`${k} "${"\\".repeat(k * 40)}`));
    for (const { names } of portions([...all, metric("x".repeat(9000))])) {
      expect(portionQuery("0123456789abcdef01234567", names).length).toBeLessThanOrEqual(4096);
    }
  });
});
