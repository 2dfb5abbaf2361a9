import { expect, test } from "vitest";
import { changed } from "./address";

test("parameters are set, repeated, and taken out", () => {
  expect(changed("?q=a&c=1&c=2", { q: "b > 1" })).toBe("?c=1&c=2&q=b+%3E+1");
  expect(changed("?q=a&c=1&c=2", { c: ["x", "y"] })).toBe("?q=a&c=x&c=y");
  expect(changed("?q=a&c=1", { q: null, c: [] })).toBe("");
  expect(changed("", { q: "" })).toBe("");
});
