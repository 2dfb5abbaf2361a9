// The lines of a terminal that are at hand: the newest first, earlier and later ones joined to them page by page.
// Steps are the numbers of lines; several processes number theirs alike, so a step may be there more than once, and
// a line that is printed over (a progress bar) comes again under its number.

export interface Line {
  step: number;
  text: string;
}

export interface Lines {
  lines: readonly Line[];
  /** How many there are in all. */
  total: number;
  /** Nothing stands before the first. */
  fromStart: boolean;
}

export interface Page {
  /** What was asked for: lines with a higher step; below -1, the last so many. */
  after: number;
  limit: number;
  lines: readonly Line[];
  total: number;
}

export const NONE: Lines = { lines: [], total: 0, fromStart: false };
/** How far up a line may still change: as many rows as the recorder keeps, for a few processes. */
export const LIVELY = 256;

/** What is at hand with a page joined to it. The page is newer: it replaces the range that it covers. */
export function joined(have: Lines, page: Page): Lines {
  const full = page.lines.length >= page.limit;
  const first = page.lines[0];
  const last = page.lines.at(-1);
  const fromStart =
    have.fromStart || page.after === -1 || (page.after < -1 && page.lines.length >= page.total);
  if (first === undefined || last === undefined) {
    const kept =
      page.after >= -1 && !full ? have.lines.filter((line) => line.step <= page.after) : have.lines;
    return { lines: kept, total: page.total, fromStart: fromStart || page.total === 0 };
  }
  const low = page.after < -1 ? first.step : page.after + 1;
  // a page that is full may have been cut within a step; without a limit reached it goes up to the end
  const high = page.after < -1 || !full ? Number.POSITIVE_INFINITY : last.step;
  const before = have.lines.filter((line) => line.step < low);
  const behind = have.lines.filter((line) => line.step > high);
  const adjoins = before.length === 0 || page.after >= -1 || (before.at(-1)?.step ?? 0) >= first.step - 1;
  const lines = adjoins ? [...before, ...page.lines, ...behind] : [...page.lines, ...behind];
  return { lines, total: page.total, fromStart: adjoins ? fromStart : page.lines.length >= page.total };
}

/** Where to ask from for what stands before the first line at hand; null if nothing does. */
export function earlier(have: Lines, limit: number): number | null {
  const first = have.lines[0];
  if (first === undefined || have.fromStart) return null;
  return Math.max(Math.ceil(first.step) - 1 - limit, -1);
}

/** Where to ask from for what came since, and for the lines that may have been printed over. */
export function later(have: Lines): number {
  const last = have.lines.at(-1);
  return last === undefined ? -1 : Math.max(Math.floor(last.step) - LIVELY, -1);
}

export interface Hit {
  line: number;
  start: number;
  end: number;
}

/** Where a text stands in the lines, regardless of case; at most `limit` places. */
export function find(texts: readonly string[], wanted: string, limit = 100_000): Hit[] {
  const hits: Hit[] = [];
  const needle = wanted.toLowerCase();
  if (!needle) return hits;
  for (let line = 0; line < texts.length; line += 1) {
    const text = (texts[line] ?? "").toLowerCase();
    let at = text.indexOf(needle);
    while (at >= 0) {
      hits.push({ line, start: at, end: at + needle.length });
      if (hits.length >= limit) return hits;
      at = text.indexOf(needle, at + needle.length);
    }
  }
  return hits;
}
