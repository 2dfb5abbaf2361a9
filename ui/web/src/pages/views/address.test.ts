import { expect, test } from "vitest";
import { described } from "./address";

test("an address is said by its page and its query", () => {
  expect(described("/runs?q=run.lr+%3E+1&c=name")).toEqual({ page: "runs", query: "run.lr > 1" });
  expect(described("/run/abc")).toEqual({ page: "run", query: "" });
});

test("an address that leads elsewhere is none", () => {
  for (const address of [
    "",
    "runs",
    "javascript:alert(1)",
    "//host/runs",
    "/\\host/runs",
    "http://host/",
    "/<x>",
  ])
    expect(described(address)).toBeNull();
});
