// The queries that were asked in this browser, newest first, and a walk through them by the arrow keys.

import type { Kind } from "../../api/types";

const LONGEST = 50;

function key(kind: Kind): string {
  return `runstone.queries.${kind}`;
}

/** The list with a query in front, once, and no longer than it may be. Blank ones are not kept. */
export function remembered(list: readonly string[], query: string): string[] {
  const text = query.trim();
  if (!text) return [...list];
  return [text, ...list.filter((one) => one !== text)].slice(0, LONGEST);
}

/** What was kept, as far as it is a list of texts. */
export function understood(kept: string | null): string[] {
  try {
    const list: unknown = JSON.parse(kept ?? "[]");
    return Array.isArray(list) ? list.filter((one) => typeof one === "string").slice(0, LONGEST) : [];
  } catch {
    return [];
  }
}

export function queriesAsked(kind: Kind): string[] {
  try {
    return understood(window.localStorage.getItem(key(kind)));
  } catch {
    return []; // a browser may refuse to keep anything
  }
}

export function keepQuery(kind: Kind, query: string): void {
  try {
    window.localStorage.setItem(key(kind), JSON.stringify(remembered(queriesAsked(kind), query)));
  } catch {
    // a browser may refuse to keep anything, and the page works without
  }
}

export function forgetQueries(kind: Kind): void {
  try {
    window.localStorage.removeItem(key(kind));
  } catch {
    // nothing was kept
  }
}

/** A walk through the list from what is being written (place -1) to the oldest. */
export class Walk {
  #place = -1;
  #draft = "";

  /** The query before the one that is shown, or null at the end. */
  older(list: readonly string[], shown: string): string | null {
    if (this.#place === -1) this.#draft = shown;
    let next = this.#place + 1;
    // the newest is often what already stands there
    if (this.#place === -1 && list[next] === shown.trim()) next += 1;
    const found = list[next];
    if (found === undefined) return null;
    this.#place = next;
    return found;
  }

  /** The one after it; what was being written, at last. */
  newer(list: readonly string[]): string | null {
    if (this.#place === -1) return null;
    this.#place -= 1;
    return this.#place === -1 ? this.#draft : (list[this.#place] ?? this.#draft);
  }

  /** Something was typed or asked: the next walk begins here. */
  stop(): void {
    this.#place = -1;
  }
}
