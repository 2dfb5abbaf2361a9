// What the reader looks at: one cursor and one highlighted line for all charts and the legend, without React in between.

export interface Attention {
  /** The kin of lines that are highlighted. */
  kin: string | null;
  /** The line among them that is nearest to the cursor, or chosen in the legend. */
  line: string | null;
  /** The cursor's place in x; null without a cursor. */
  x: number | null;
}

type Watcher = (attention: Attention) => void;

const NONE: Attention = { kin: null, line: null, x: null };

export class Stage {
  attention: Attention = NONE;
  /** Where the cursor was last: the legend goes on to show what was there. */
  lastX: number | null = null;
  #watchers = new Set<Watcher>();
  #waiting = 0;

  /** Attend to something else; who watches is told once before the next picture. */
  attend(change: Partial<Attention>): void {
    const next = { ...this.attention, ...change };
    const { kin, line, x } = this.attention;
    if (next.kin === kin && next.line === line && next.x === x) return;
    this.attention = next;
    this.lastX = next.x ?? this.lastX;
    if (this.#waiting !== 0) return;
    this.#waiting = requestAnimationFrame(() => {
      this.#waiting = 0;
      for (const watcher of this.#watchers) watcher(this.attention);
    });
  }

  leave(): void {
    this.attend(NONE);
  }

  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}
