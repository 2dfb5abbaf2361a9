// A tree of parameters as the rows of a table: branches that open, and a search that opens them.

import type { Tagged } from "../../api/types";
import { showValue } from "../../api/values";
import { expressionOf, type Path } from "./expression";

export interface Row {
  id: string;
  path: Path;
  /** The last key, as it is shown. */
  label: string;
  depth: number;
  value: Tagged;
  /** How many entries a branch has; null for a value. */
  entries: number | null;
  open: boolean;
}

type Entry = [key: string | number, value: Tagged];

/** What stands below a value: null if it is shown as one value. Short lists of plain values are. */
export function entriesOf(value: Tagged): Entry[] | null {
  if (Array.isArray(value)) {
    const nested = value.some(
      (item) => item !== null && typeof item === "object" && entriesOf(item) !== null,
    );
    return nested ? value.map((item, index) => [index, item]) : null;
  }
  if (value === null || typeof value !== "object") return null;
  const [first] = Object.keys(value);
  if (first === "$dict" && Array.isArray(value.$dict)) {
    return value.$dict.map((pair) =>
      Array.isArray(pair) ? [keyOf(pair[0] ?? null), pair[1] ?? null] : ["?", pair],
    );
  }
  return first?.startsWith("$") ? null : Object.entries(value);
}

function keyOf(key: Tagged): string | number {
  return typeof key === "number" ? key : showValue(key);
}

/** The kind of thing that an `$object` is, and its state; null for other values. */
export function objectOf(value: Tagged): { type: string; state: { [key: string]: Tagged } } | null {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return null;
  const [type, state] = Array.isArray(value.$object) ? value.$object : [];
  if (typeof type !== "string" || state === null || typeof state !== "object" || Array.isArray(state))
    return null;
  return { type, state };
}

/** A value in one line, also one that JSON has no words for. */
export function leafText(value: Tagged): string {
  if (value === null) return "None";
  if (typeof value !== "object") return showValue(value);
  if (Array.isArray(value)) return `[${value.map(inList).join(", ")}]`;
  const object = objectOf(value);
  if (object !== null) return objectText(object.type, object.state);
  const inside = Object.values(value)[0] ?? null;
  if (Array.isArray(inside)) {
    if ("$array" in value)
      return `array ${showValue(inside[0])} (${(inside[1] as Tagged[]).map(showValue).join(", ")})`;
    if ("$set" in value) return `{${inside.map(inList).join(", ")}}`;
    if ("$complex" in value) return `${inside.map(showValue).join(" + ")}j`;
    if ("$range" in value) return `range(${inside.map(showValue).join(", ")})`;
  }
  if ("$bytes" in value && typeof inside === "string") return `${Math.floor((inside.length * 3) / 4)} bytes`;
  return Object.keys(value).length ? showValue(value) : "{}";
}

function inList(value: Tagged): string {
  return typeof value === "string" ? JSON.stringify(value) : leafText(value);
}

function objectText(type: string, state: { [key: string]: Tagged }): string {
  const size = typeof state.width === "number" ? ` ${state.width}×${showValue(state.height)}` : "";
  const caption = typeof state.caption === "string" && state.caption ? ` “${state.caption}”` : "";
  return `${type}${size}${caption}`;
}

/** What a path is kept under in the set of open branches. */
export function idOf(path: Path): string {
  return JSON.stringify(path);
}

/** The rows that are seen: below open branches, or, with words to find, whatever matches and what leads there. */
export function rowsOf(tree: Tagged, open: ReadonlySet<string>, words: string): Row[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const rows: Row[] = [];
  const visit = (entries: Entry[], above: Path, inherited: boolean): boolean => {
    let found = false;
    for (const [key, value] of entries) {
      const path = [...above, key];
      const below = entriesOf(value);
      const named = inherited || (wanted.length > 0 && matches(path, "", wanted));
      const isFound = named || (below === null && matches(path, leafText(value), wanted));
      const id = idOf(path);
      const isOpen = wanted.length > 0 ? true : open.has(id);
      const at = rows.length;
      rows.push({
        id,
        path,
        label: String(key),
        depth: above.length,
        value,
        entries: below === null ? null : below.length,
        open: isOpen,
      });
      const inside = below !== null && isOpen ? visit(below, path, named) : false;
      if (wanted.length > 0 && !isFound && !inside) rows.length = at;
      else found = true;
    }
    return found;
  };
  visit(entriesOf(tree) ?? [], [], false);
  return rows;
}

function matches(path: Path, text: string, wanted: string[]): boolean {
  const where = `${path.join(".")} ${expressionOf(path)} ${text}`.toLowerCase();
  return wanted.every((word) => where.includes(word));
}

/** The branches to open at first: all, as long as there are not too many rows then. */
export function openAtFirst(tree: Tagged, limit = 200): Set<string> {
  const open = new Set<string>();
  let count = 0;
  let level: [Path, Entry[]][] = [[[], entriesOf(tree) ?? []]];
  while (level.length) {
    count += level.reduce((sum, [, entries]) => sum + entries.length, 0);
    if (count > limit) break;
    const next: [Path, Entry[]][] = [];
    for (const [above, entries] of level) {
      if (above.length) open.add(idOf(above));
      for (const [key, value] of entries) {
        const below = entriesOf(value);
        if (below?.length) next.push([[...above, key], below]);
      }
    }
    level = next;
  }
  return open;
}
