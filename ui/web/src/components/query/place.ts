// Where an error stands in the text of a query.

export interface Span {
  from: number;
  to: number;
}

/** The stretch of the text that a place names: the word or the sign that begins there, and never nothing. */
export function spanAt(text: string, line: number, column: number): Span {
  const lines = text.split("\n");
  const row = Math.min(Math.max(line, 1), lines.length) - 1;
  let start = 0;
  for (const before of lines.slice(0, row)) start += before.length + 1;
  // the server counts characters, a string here counts units of UTF-16
  const ahead = Array.from(lines[row] ?? "").slice(0, Math.max(column, 1) - 1);
  const from = start + ahead.join("").length;
  const word = /^(?:[\p{L}\p{N}_]+|[^\s])/u.exec(text.slice(from))?.[0] ?? "";
  if (word) return { from, to: from + word.length };
  const before = /(?:[\p{L}\p{N}_]+|[^\s])\s*$/u.exec(text.slice(0, from))?.[0] ?? "";
  return { from: from - before.length, to: from - before.length + before.trimEnd().length };
}
