import { describe, expect, it } from "vitest";
import { shortNumber, shortValue } from "./short";

describe("short numbers", () => {
  it("have four digits", () => {
    expect([0.123456, 123.456, -0.000012345, 1e-12, 1234567, 0, 64].map(shortNumber)).toEqual([
      "0.1235",
      "123.5",
      "−1.234e−5",
      "1e−12",
      "1,235,000",
      "0",
      "64",
    ]);
  });
  it("leave alone what is no number", () => {
    expect(shortValue({ $float: "nan" })).toBe("NaN");
    expect(shortValue("text")).toBe("text");
    expect(shortValue(null)).toBe("");
  });
});
