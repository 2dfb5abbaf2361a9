import { expect, test } from "vitest";
import { ApiError } from "./client";

test("an error says what the server said, and where", () => {
  const error = new ApiError(400, { error: "QueryError", message: "no", hint: "yes", line: 1, column: 4 });
  expect([error.kind, error.message, error.hint, error.line, error.column]).toEqual([
    "QueryError",
    "no",
    "yes",
    1,
    4,
  ]);
});

test("a reply that cannot be understood is an error too", () => {
  expect(new ApiError(502, {}).message).toContain("can be understood");
});
