import { isValidElement, type ReactElement, type ReactNode } from "react";
import { expect, test } from "vitest";
import { jsx, jsxs } from "./jsx-runtime";
import { isLegible, legible, pieces } from "./legible";

test("signs that turn a text around are written out", () => {
  expect(legible("\u202egnp.exe\u202c")).toBe("⟨U+202E⟩gnp.exe⟨U+202C⟩");
  expect(legible("a\u2066b\u2069\u200f\u061c")).toBe("a⟨U+2066⟩b⟨U+2069⟩⟨U+200F⟩⟨U+061C⟩");
});

test("so are control characters, and what has no width", () => {
  expect(legible("\x1b[31m\0\x7f\x9b")).toBe("⟨U+001B⟩[31m⟨U+0000⟩⟨U+007F⟩⟨U+009B⟩");
  expect(legible("a\u200bb\u2028c\ufeff")).toBe("a⟨U+200B⟩b⟨U+2028⟩c⟨U+FEFF⟩");
});

test("words of any language stay as they are", () => {
  for (const text of ["", "plain", "two\nlines\r\n\tin", "שלום עולם", "نمونه‌ها", "👩‍👩‍👧", "é", "a\u00adb"]) {
    expect(isLegible(text)).toBe(true);
    expect(legible(text)).toBe(text);
    expect(pieces(text)).toEqual([text]);
  }
});

test("a text falls into pieces", () => {
  expect(pieces("\u202eab\u202c")).toEqual(["", "⟨U+202E⟩", "ab", "⟨U+202C⟩", ""]);
});

function shown(node: ReactNode): string {
  if (Array.isArray(node)) return node.map(shown).join("");
  if (!isValidElement(node)) return typeof node === "string" || typeof node === "number" ? String(node) : "";
  const { children, className } = (node as ReactElement<{ children?: ReactNode; className?: string }>).props;
  return className === "sign" ? `[${shown(children)}]` : shown(children);
}

test("every element shows what it is given, whoever makes it", () => {
  expect(shown(jsx("b", { children: "a\u202eb" }))).toBe("a[⟨U+202E⟩]b");
  expect(shown(jsxs("b", { children: ["x\u202e", 1, jsx("i", { children: "y\u202e" })] }))).toBe(
    "x[⟨U+202E⟩]1y[⟨U+202E⟩]",
  );
  expect(shown(jsx("p", { children: [["\u202e"], "z"] }))).toBe("[⟨U+202E⟩]z");
  expect(shown(jsx("option", { children: ["a\u202e", "b"] }))).toBe("a⟨U+202E⟩b");
});

test("titles and labels are written out, and what can be edited is not", () => {
  const { props } = jsx("input", {
    title: "\u202e",
    "aria-label": "\u202e",
    value: "\u202e",
    placeholder: "\u202e",
  }) as ReactElement<{ [name: string]: string }>;
  expect(props).toEqual({
    title: "⟨U+202E⟩",
    "aria-label": "⟨U+202E⟩",
    value: "\u202e",
    placeholder: "⟨U+202E⟩",
  });
});
