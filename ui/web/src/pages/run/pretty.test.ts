import { describe, expect, it } from "vitest";
import { setOut } from "./pretty";

describe("setOut", () => {
  it("is what JSON.stringify would give", () => {
    for (const value of [{ a: [1, { b: 'x, {y}: "z" \\' }], c: {}, d: [] }, [], "text", 1, [[[]]]]) {
      expect(setOut(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
    }
  });
  it("keeps every digit", () => {
    expect(setOut('{"n":12345678901234567890.10}')).toBe('{\n  "n": 12345678901234567890.10\n}');
  });
  it("gives back all of what is broken", () => {
    for (const text of ['{"a":"b', "]]}", '"\\', "no json", '{"a":1'])
      expect(setOut(text).replaceAll(/\n\s*| /g, "")).toBe(text.replaceAll(" ", ""));
  });
});
