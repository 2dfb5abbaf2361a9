import { afterEach, expect, test, vi } from "vitest";
import { settleLanguage } from "./language";

function settled(language: string): string {
  vi.stubGlobal("navigator", { language });
  settleLanguage();
  return navigator.language;
}

afterEach(() => {
  vi.unstubAllGlobals();
});

test("a language that is one stays what it is", () => {
  expect(settled("de-AT")).toBe("de-AT");
});

test("numbers can be written where the browser names none", () => {
  for (const none of ["C", "", "c_POSIX"]) {
    expect(() => new Intl.NumberFormat(none || " ")).toThrow(RangeError);
    expect(settled(none)).toBe("en-US");
  }
});
