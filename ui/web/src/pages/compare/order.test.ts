import { expect, test } from "vitest";
import type { Tagged } from "../../api/types";
import { sorted } from "./order";

const VALUES: Tagged[] = [3, null, { $float: "nan" }, -1, "b10", "b9", { $float: "inf" }];

test("numbers come first, then texts as people count, then what is missing", () => {
  expect(sorted([...VALUES.keys()], VALUES, false)).toEqual([3, 0, 6, 5, 4, 1, 2]);
});

test("downwards, what is missing is still last", () => {
  expect(sorted([...VALUES.keys()], VALUES, true)).toEqual([6, 0, 3, 4, 5, 1, 2]);
});
