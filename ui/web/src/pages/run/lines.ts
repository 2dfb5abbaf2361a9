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

/** All lines of a range of steps. */
export interface Page {
  /** Lines with a higher step ... */
  after: number;
  /** ... up to this one are all in here. */
  through: number;
  lines: readonly Line[];
  total: number;
}

export const NONE: Lines = { lines: [], total: 0, fromStart: false };
/** How far up a line may still change: as many rows as the recorder keeps, for a few processes. */
export const LIVELY = 256;

/** The page that the last lines make. Of the step that it begins with, some may be missing. */
export function lastPage({ lines, total }: Reply): Page {
  const first = lines[0];
  const isAll = first === undefined || lines.length >= total;
  return { after: isAll ? -1 : first.step - 1, through: Number.POSITIVE_INFINITY, lines, total };
}

/** What is at hand with a page joined to it. The page is newer: it replaces the range that it covers. */
export function joined(have: Lines, page: Page): Lines {
  const before = have.lines.filter(({ step }) => step <= page.after);
  const behind = have.lines.filter(({ step }) => step > page.through);
  return {
    lines: [...before, ...page.lines, ...behind],
    total: page.total,
    fromStart: have.fromStart || page.after < 0,
  };
}

export type Range = Pick<Page, "after" | "through">;

/** The range before the first line at hand, and its own step again; null if there is nothing before it. */
export function earlier(have: Lines, span: number): Range | null {
  const first = have.lines[0];
  if (first === undefined || have.fromStart) return null;
  return { after: Math.max(Math.ceil(first.step) - 1 - span, -1), through: first.step };
}

/** The range of what came since, and of the lines that may have been printed over. */
export function later(have: Lines): Range {
  const last = have.lines.at(-1);
  const after = last === undefined ? -1 : Math.max(Math.floor(last.step) - LIVELY, -1);
  const first = have.lines[0]?.step ?? 0;
  // never from before what is at hand: the page would make it look as if all in between were here
  return { after: have.fromStart ? after : Math.max(after, first - 1), through: Number.POSITIVE_INFINITY };
}

export interface Reply {
  lines: readonly Line[];
  total: number;
}

/** Ask for all lines of a range, as often as it takes; `ask` gives the first lines behind a step, at most `limit`. */
export async function fetched(
  range: Range,
  limit: number,
  ask: (after: number, limit: number) => Promise<Reply>,
): Promise<Page> {
  // one more than a line for each number: that one shows that nothing of the range is missing
  const most = Math.min(limit, Math.ceil(range.through - range.after) + 1);
  let lines: Line[] = [];
  let after = range.after;
  for (;;) {
    const reply = await ask(after, most);
    const last = reply.lines.at(-1);
    const from = after;
    lines = [...lines.filter(({ step }) => step <= from), ...reply.lines];
    if (last === undefined || reply.lines.length < most || last.step > range.through) {
      return { ...range, lines: lines.filter(({ step }) => step <= range.through), total: reply.total };
    }
    // the reply may end within its last step: that one is asked for again, unless it is all that there was
    after = reply.lines[0]?.step === last.step ? last.step : last.step - 1;
  }
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
