// The lines of the table from top to bottom: rows alone, or groups with the rows of those that are open.

export type Line = { kind: "row"; group: number | null; row: number } | { kind: "group"; group: number };

export interface Section {
  isOpen: boolean;
  /** How many rows it has when it is open. */
  rows: number;
}

export class Layout {
  readonly count: number;
  readonly #sections: readonly Section[] | null;
  /** The line on which each group's head stands. */
  readonly #heads: number[] = [];

  /** `rows` without groups, or groups. */
  constructor(content: number | readonly Section[]) {
    this.#sections = typeof content === "number" ? null : content;
    let line = typeof content === "number" ? content : 0;
    for (const { isOpen, rows } of this.#sections ?? []) {
      this.#heads.push(line);
      line += 1 + (isOpen ? rows : 0);
    }
    this.count = line;
  }

  at(line: number): Line {
    if (this.#sections === null) return { kind: "row", group: null, row: line };
    let [low, high] = [0, this.#heads.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#heads[middle] ?? 0) <= line) low = middle;
      else high = middle - 1;
    }
    const row = line - (this.#heads[low] ?? 0) - 1;
    return row < 0 ? { kind: "group", group: low } : { kind: "row", group: low, row };
  }

  /** The rows between two lines, as stretches of one list each. */
  stretches(from: number, to: number): { group: number | null; first: number; last: number }[] {
    const [start, end] = [Math.max(Math.min(from, to), 0), Math.min(Math.max(from, to), this.count - 1)];
    if (end < start) return [];
    if (this.#sections === null) return [{ group: null, first: start, last: end }];
    const found: { group: number; first: number; last: number }[] = [];
    this.#sections.forEach(({ isOpen, rows }, group) => {
      const head = this.#heads[group] ?? 0;
      const [first, last] = [Math.max(start - head - 1, 0), Math.min(end - head - 1, rows - 1)];
      if (isOpen && first <= last) found.push({ group, first, last });
    });
    return found;
  }
}

/** What matches the query and the condition of a group. A query may end in a comment, so it has lines of its own. */
export function within(query: string, where: string): string {
  return query.trim() ? `(${query}\n) and (${where}\n)` : where;
}
