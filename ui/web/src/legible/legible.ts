// Signs that are not seen, but change what is: they turn the text around them, hide a part of it, or end a line.

// all control characters but those that only part words and lines; and what directs, divides or joins without being seen.
// The joiners of letters and emoji (U+200C, U+200D) stay: words are spelled with them.
const SIGN = /(?![\t\n\r])[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\u200b\u2060-\u2064\ufeff]/u;
const SIGNS = new RegExp(SIGN, "gu");

/** Whether all of a text is seen. */
export function isLegible(text: string): boolean {
  return !SIGN.test(text);
}

/** A sign by its number: ⟨U+202E⟩. */
function named(sign: string): string {
  return `⟨U+${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

/** A text of which everything is seen, for where there can be nothing but text. */
export function legible(text: string): string {
  return text.replace(SIGNS, named);
}

/** A text in pieces: what is seen, and names of signs that are not, by turns. */
export function pieces(text: string): string[] {
  return text.split(new RegExp(`(${SIGN.source})`, "u")).map((piece, at) => (at % 2 ? named(piece) : piece));
}
