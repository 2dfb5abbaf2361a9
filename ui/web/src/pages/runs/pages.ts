// The rows of one answer, asked for in pages as they come into view, and kept up to date.

import type { RunsReply, Status, Tagged } from "../../api/types";

export interface RunRow {
  hash: string;
  name: string | null;
  experiment: string | null;
  status: Status;
  created: number;
  ended: number | null;
  archived: boolean;
  tags: readonly string[];
  /** What each expression gives; one that is not in it was not asked for. */
  values: ReadonlyMap<string, Tagged>;
}

/** Asks the server for rows; rejects with what it said no with. */
export type Ask = (offset: number, limit: number) => Promise<RunsReply>;

export const PAGE = 200;
const AT_ONCE = 2;
const KEPT = 80;

interface Page {
  rows: RunRow[];
  /** Which news it knows; older than the newest means that it has to be asked for again. */
  news: number;
}

export function rowsOf({ runs, columns }: RunsReply, expressions: readonly string[]): RunRow[] {
  return runs.hash.map((hash, row) => ({
    hash,
    name: runs.name[row] ?? null,
    experiment: runs.experiment[row] ?? null,
    status: runs.status[row] ?? "finished",
    created: runs.created[row] ?? 0,
    ended: runs.ended[row] ?? null,
    archived: runs.archived[row] ?? false,
    tags: runs.tags[row] ?? [],
    values: new Map(expressions.map((expression, column) => [expression, columns[column]?.[row] ?? null])),
  }));
}

export interface PagesOptions {
  ask: Ask;
  /** The expressions that are asked for, in order. */
  expressions: readonly string[];
  /** Whether new runs come in above: then they wait while the reader is further down. */
  isNewestFirst?: boolean;
  /** What is shown until the first rows are here. */
  previous?: RunPages | null;
}

export class RunPages {
  /** How many rows the list has; null while that is not known. */
  total: number | null = null;
  /** How many have come in above and are not shown yet. */
  waiting = 0;
  answer: RunsReply | null = null;
  error: unknown = null;
  /** Grows with each change, for whoever draws. */
  version = 0;
  /** Whether the reader sees the first row, so that new ones may come in there. */
  atTop = true;

  readonly #ask: Ask;
  readonly #expressions: readonly string[];
  readonly #isNewestFirst: boolean;
  #previous: RunPages | null;
  readonly #pages = new Map<number, Page>();
  readonly #underway = new Set<number>();
  readonly #watchers = new Set<() => void>();
  #news = 0;
  #wanted: readonly [first: number, last: number] = [0, 0];

  constructor({ ask, expressions, isNewestFirst = false, previous = null }: PagesOptions) {
    this.#ask = ask;
    this.#expressions = expressions;
    this.#isNewestFirst = isNewestFirst;
    if (previous === null) this.#previous = null;
    else {
      this.#previous = previous.total === null ? previous.#previous : previous;
      this.answer = previous.answer;
    }
  }

  subscribe = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  snapshot = (): number => this.version;

  /** Whether what is shown is the previous answer, while this one is not here yet. */
  get isOld(): boolean {
    return this.total === null && this.#previous !== null && this.#previous.length > 0;
  }

  get isLoading(): boolean {
    return this.#underway.size > 0;
  }

  /** How many rows there are to show. */
  get length(): number {
    return this.total ?? this.#previous?.length ?? 0;
  }

  /** The row at a place; undefined while it is not here. */
  at(place: number): RunRow | undefined {
    const row = this.#pages.get(Math.floor(place / PAGE))?.rows[place % PAGE];
    return row ?? (this.total === null ? this.#previous?.at(place) : undefined);
  }

  /** All rows that are here. */
  *rows(): Iterable<RunRow> {
    for (const { rows } of this.#pages.values()) yield* rows;
  }

  /** Says which rows are in view; those that are missing or old are asked for. */
  want(first: number, last: number): void {
    this.#wanted = [Math.floor(first / PAGE), Math.floor(Math.max(first, last) / PAGE)];
    this.#pump();
  }

  /** Something changed on the server: what is in view is asked for again, the rest when it comes into view. */
  changed(): void {
    this.#news += 1;
    this.error = null;
    this.#pump();
  }

  /** Lets those in that wait above. */
  admit(): void {
    if (this.waiting === 0) return;
    this.total = (this.total ?? 0) + this.waiting;
    this.waiting = 0;
    this.#news += 1;
    this.#told();
    this.#pump();
  }

  #told(): void {
    this.version += 1;
    for (const watcher of this.#watchers) watcher();
  }

  #pump(): void {
    if (this.error !== null) return;
    const [first, last] = this.#wanted;
    for (let number = first; number <= last && this.#underway.size < AT_ONCE; number += 1) {
      const isBeyond = this.total !== null && number > 0 && number * PAGE >= this.total;
      if (!isBeyond && !this.#underway.has(number) && this.#pages.get(number)?.news !== this.#news)
        void this.#load(number);
    }
  }

  async #load(number: number): Promise<void> {
    const [news, shift] = [this.#news, this.waiting];
    this.#underway.add(number);
    // not in the middle of drawing, from where rows are wanted
    await Promise.resolve();
    this.#told();
    try {
      this.#arrived(number, await this.#ask(number * PAGE + shift, PAGE), news, shift);
    } catch (error) {
      if (news === this.#news) this.error = error;
    }
    this.#underway.delete(number);
    this.#told();
    this.#pump();
  }

  #arrived(number: number, reply: RunsReply, news: number, shift: number): void {
    this.answer = reply;
    const isHeld = this.#isNewestFirst && !this.atTop && this.total !== null && reply.total >= this.total;
    if (isHeld) {
      this.waiting = reply.total - (this.total ?? 0);
      // asked with another shift, these are other rows than the reader's
      if (this.waiting !== shift) return;
    } else {
      this.total = reply.total;
      this.waiting = 0;
      if (shift !== 0) return;
    }
    this.#previous = null; // and whatever that held
    this.#pages.delete(number);
    this.#pages.set(number, { rows: rowsOf(reply, this.#expressions), news });
    this.#forget();
  }

  #forget(): void {
    const [first, last] = this.#wanted;
    for (const number of this.#pages.keys()) {
      if (this.#pages.size <= KEPT) return;
      if (number < first || number > last) this.#pages.delete(number);
    }
  }
}
