import { expect, test } from "vitest";
import { remembered, understood, Walk } from "./history";

test("a query comes to the front and stands there once", () => {
  expect(remembered(["a", "b"], "b ")).toEqual(["b", "a"]);
  expect(remembered(["a"], "  ")).toEqual(["a"]);
});

test("the oldest are forgotten", () => {
  const list = Array.from({ length: 50 }, (_, n) => `q${n}`);
  const next = remembered(list, "new");
  expect(next).toHaveLength(50);
  expect(next[0]).toBe("new");
  expect(next).not.toContain("q49");
});

test("what is kept and no list of texts is nothing", () => {
  expect(understood(null)).toEqual([]);
  expect(understood("{")).toEqual([]);
  expect(understood('{"a": 1}')).toEqual([]);
  expect(understood('["a", 3, "b"]')).toEqual(["a", "b"]);
});

test("a walk leads back to what was being written", () => {
  const [walk, list] = [new Walk(), ["b", "a"]];
  expect(walk.older(list, "draft")).toBe("b");
  expect(walk.older(list, "b")).toBe("a");
  expect(walk.older(list, "a")).toBeNull();
  expect(walk.newer(list)).toBe("b");
  expect(walk.newer(list)).toBe("draft");
  expect(walk.newer(list)).toBeNull();
});

test("a walk does not begin with what stands there already", () => {
  expect(new Walk().older(["b", "a"], "b")).toBe("a");
  expect(new Walk().older(["b"], "b")).toBeNull();
});
