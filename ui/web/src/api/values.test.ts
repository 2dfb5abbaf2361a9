import { expect, test } from "vitest";
import { asAimQL, asNumber, showContext, showDuration, showNumber, showSize, showValue } from "./values";

test("numbers are numbers, tagged or not, and nothing else is", () => {
  expect(asNumber(0.5)).toBe(0.5);
  expect(asNumber({ $float: "nan" })).toBeNaN();
  expect(asNumber({ $float: "-inf" })).toBe(Number.NEGATIVE_INFINITY);
  expect(asNumber({ $int: "-0x10000000000000000" })).toBe(-(2 ** 64));
  for (const other of [true, "1", null, undefined, [1], { a: 1 }]) expect(asNumber(other)).toBeNull();
});

test("numbers are short and stay apart from each other", () => {
  expect(showNumber(12345)).toBe("12,345");
  expect(showNumber(0.1)).toBe("0.1");
  expect(showNumber(-0.25)).toBe("−0.25");
  expect(showNumber(1e-7)).toBe("1e-7");
  expect(showNumber(123456.789)).toBe("123457");
  expect(showNumber(1.5e20)).toBe("1.5e+20");
  expect(showNumber(Number.NaN)).toBe("NaN");
});

test("an integer has all its digits, however many they are", () => {
  expect(showValue({ $int: "0x20000000000001" })).toBe("9,007,199,254,740,993");
  expect(showValue({ $int: "-0x20000000000001" })).toBe("−9,007,199,254,740,993");
  expect(showValue([{ $int: "0x10000000000000001" }])).toBe("[18,446,744,073,709,551,617]");
  expect(showValue({ $int: "nonsense" })).toBe("NaN");
  expect(asAimQL({ $int: "-0x20000000000001" })).toBe("-9007199254740993");
});

test("a minus sign stands before the number, and a hyphen in the exponent", () => {
  expect(showNumber(-1.2e-5)).toBe("−1.2e-5");
  expect(showNumber(-1.2e20)).toBe("−1.2e+20");
  expect(showNumber(-12345)).toBe("−12,345");
  expect(showNumber(-Infinity)).toBe("−∞");
  expect(showNumber(1.2e-5)).toBe("1.2e-5");
});

test("any value is one line", () => {
  expect(showValue(null)).toBe("");
  expect(showValue(["a", 1, null])).toBe('["a", 1, None]');
  expect(showValue({ lr: 0.1, name: "x" })).toBe('{lr: 0.1, name: "x"}');
  expect(showValue({ $datetime: "2026-11-22T10:00:00" })).toBe("2026-11-22T10:00:00");
  expect(showContext({ subset: "val", fold: 3 })).toBe("subset=val fold=3");
});

test("what goes into a query is written as Python does", () => {
  expect(asAimQL(true)).toBe("True");
  expect(asAimQL(null)).toBe("None");
  expect(asAimQL('a "quoted" text')).toBe('"a \\"quoted\\" text"');
  expect(asAimQL([1])).toBeNull();
});

test("durations and sizes", () => {
  expect(showDuration(0.25)).toBe("250 ms");
  expect(showDuration(59.96)).toBe("60.0 s");
  expect(showDuration(3661)).toBe("1:01:01");
  expect(showSize(999)).toBe("999 B");
  expect(showSize(1_234_567)).toBe("1.23 MB");
});
