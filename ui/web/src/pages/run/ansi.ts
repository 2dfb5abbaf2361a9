// Colours in what a script prints: codes of the kind `ESC [ ... m` become spans, every other code is taken out.

export interface Style {
  /** 0 to 255 of the usual palette, or [red, green, blue]. */
  ink: Colour | null;
  ground: Colour | null;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  strike: boolean;
  inverse: boolean;
}
export type Colour = number | readonly [number, number, number];

export interface Span {
  text: string;
  style: Style;
}

export const PLAIN: Style = {
  ink: null,
  ground: null,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  strike: false,
  inverse: false,
};

// The parts, in order: a control sequence (its parameters and its last byte), a string for the terminal itself (its
// title, a link, a picture), any other escape, and single control characters but the tab.
const CODE = new RegExp(
  [
    "(?:\\x1b\\[|\\x9b)([0-?]*)[ -/]*([@-~])?",
    "(?:\\x1b[\\]PX^_]|[\\x90\\x98\\x9d-\\x9f])[^\\x07\\x1b\\x9c]*(?:\\x07|\\x1b\\\\|\\x9c)?",
    "\\x1b[ -/]*[0-~]?",
    "[\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f]",
  ].join("|"),
  "g",
);

/** The spans of a line that begins in a style, and the style that the next line begins in. */
export function parse(text: string, begin: Style = PLAIN): { spans: Span[]; end: Style } {
  const spans: Span[] = [];
  let style = begin;
  let at = 0;
  const add = (piece: string) => {
    const last = spans.at(-1);
    if (!piece) return;
    if (last && last.style === style) last.text += piece;
    else spans.push({ text: piece, style });
  };
  for (const match of text.matchAll(CODE)) {
    add(text.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === "m") style = styled(style, match[1] ?? "");
  }
  add(text.slice(at));
  return { spans, end: style };
}

/** The text without any code: what is searched and copied. */
export function stripped(text: string): string {
  return text.replace(CODE, "");
}

/** The style that each line begins in: a colour goes on until it is taken back. */
export function stylesOf(lines: readonly { text: string }[]): Style[] {
  let style = PLAIN;
  return lines.map(({ text }) => {
    const begin = style;
    if (text.includes("\x1b") || text.includes("\x9b")) style = parse(text, begin).end;
    return begin;
  });
}

function styled(before: Style, parameters: string): Style {
  // what begins with <, =, > or ? is nobody's colour
  if (!/^[\d;:]*$/.test(parameters)) return before;
  const codes = parameters.split(/[;:]/).map((code) => (code === "" ? 0 : Number(code)));
  const style = { ...before };
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? 0;
    if (code === 38 || code === 48) {
      const [colour, used] = extended(codes, at + 1);
      at += used;
      if (colour !== null) style[code === 38 ? "ink" : "ground"] = colour;
    } else apply(style, code);
  }
  return sameStyle(style, PLAIN) ? PLAIN : style;
}

function sameStyle(one: Style, other: Style): boolean {
  return (Object.keys(PLAIN) as (keyof Style)[]).every((key) => one[key] === other[key]);
}

function extended(codes: number[], at: number): [Colour | null, number] {
  const byte = (number: number | undefined) => Math.min(Math.max(number ?? 0, 0), 255);
  if (codes[at] === 5) return [byte(codes[at + 1]), 2];
  if (codes[at] === 2) return [[byte(codes[at + 1]), byte(codes[at + 2]), byte(codes[at + 3])], 4];
  return [null, 0];
}

function apply(style: Style, code: number): void {
  if (code === 0) Object.assign(style, PLAIN);
  else if (code === 1) style.bold = true;
  else if (code === 2) style.dim = true;
  else if (code === 3) style.italic = true;
  else if (code === 4 || code === 21) style.underline = true;
  else if (code === 7) style.inverse = true;
  else if (code === 9) style.strike = true;
  else if (code === 22) style.bold = style.dim = false;
  else if (code === 23) style.italic = false;
  else if (code === 24) style.underline = false;
  else if (code === 27) style.inverse = false;
  else if (code === 29) style.strike = false;
  else if (code >= 30 && code <= 37) style.ink = code - 30;
  else if (code === 39) style.ink = null;
  else if (code >= 40 && code <= 47) style.ground = code - 40;
  else if (code === 49) style.ground = null;
  else if (code >= 90 && code <= 97) style.ink = code - 90 + 8;
  else if (code >= 100 && code <= 107) style.ground = code - 100 + 8;
}

/** A colour of the large palette as CSS; null for the first 16, which the theme has. */
export function cssColour(colour: Colour): string | null {
  if (typeof colour !== "number") return `rgb(${colour.join(" ")})`;
  if (colour < 16) return null;
  if (colour >= 232) {
    const grey = 8 + (colour - 232) * 10;
    return `rgb(${grey} ${grey} ${grey})`;
  }
  const at = colour - 16;
  const part = (digit: number) => (digit === 0 ? 0 : 55 + digit * 40);
  return `rgb(${part(Math.floor(at / 36))} ${part(Math.floor(at / 6) % 6)} ${part(at % 6)})`;
}
