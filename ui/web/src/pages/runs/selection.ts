// Which runs are selected. They stay selected when the query changes, for they are kept by their hash.

import type { Edit } from "../../api/types";
import type { RunRow } from "./pages";

export type Selection = ReadonlyMap<string, RunRow>;

export const NOTHING: Selection = new Map();

/** All that a query matched when they were selected. */
export interface Whole {
  query: string;
  count: number;
}

/** As many hashes as fit into a query of 4,096 characters, with what else it says. */
export const MOST_IN_A_QUERY = 140;

export function toggled(selection: Selection, row: RunRow): Selection {
  const next = new Map(selection);
  if (!next.delete(row.hash)) next.set(row.hash, row);
  return next;
}

export function added(selection: Selection, rows: Iterable<RunRow>): Selection {
  const next = new Map(selection);
  for (const row of rows) next.set(row.hash, row);
  return next;
}

export function without(selection: Selection, hashes: Iterable<string>): Selection {
  const next = new Map(selection);
  for (const hash of hashes) next.delete(hash);
  return next;
}

/** The selection with what is known of its runs now; the same one if nothing is new. */
export function refreshed(selection: Selection, rows: Iterable<RunRow>): Selection {
  let next: Map<string, RunRow> | null = null;
  for (const row of rows) {
    const known = selection.get(row.hash);
    if (known === undefined || known === row) continue;
    next ??= new Map(selection);
    next.set(row.hash, row);
  }
  return next ?? selection;
}

/** The selection after a change that has reached these runs. Deleted ones are selected no longer. */
export function edited(selection: Selection, hashes: Iterable<string>, edit: Omit<Edit, "runs">): Selection {
  if (edit.deleted) return without(selection, hashes);
  const rows = [...hashes].flatMap((hash) => selection.get(hash) ?? []);
  const { set = {}, add_tags: more = [], remove_tags: fewer = [] } = edit;
  return added(
    selection,
    rows.map((row) => ({
      ...row,
      name: set.name ?? row.name,
      experiment: set.experiment ?? row.experiment,
      archived: set.archived ?? row.archived,
      tags: [...new Set([...row.tags.filter((tag) => !fewer.includes(tag)), ...more])],
    })),
  );
}

/** The query that exactly these runs match; null if there are too many for one. */
export function queryFor(selection: Selection): string | null {
  if (selection.size === 0 || selection.size > MOST_IN_A_QUERY) return null;
  const hashes = [...selection.keys()].map((hash) => JSON.stringify(hash));
  const these = hashes.length === 1 ? `run.hash == ${hashes[0]}` : `run.hash in [${hashes.join(", ")}]`;
  // archived runs are left out of a query that does not speak of that
  const isArchived = [...selection.values()].some(({ archived }) => archived);
  return isArchived ? `${these} and run.archived in [True, False]` : these;
}

/** The parameters of an address under which a page shows these runs; null if no query can name them. */
export function searchFor(selection: Selection, whole: Whole | null): URLSearchParams | null {
  const query = queryFor(selection);
  if (query !== null) return new URLSearchParams({ q: query });
  if (whole === null || whole.count !== selection.size) return null;
  // an empty query asks for everything, where no query asks for nothing
  return new URLSearchParams(whole.query ? { q: whole.query } : { all: "1" });
}

/** The tags of any of them, with how many bear each. */
export function tagsOf(selection: Selection): [tag: string, count: number][] {
  const counts = new Map<string, number>();
  for (const { tags } of selection.values())
    for (const tag of tags) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return [...counts].sort(([one], [other]) => one.localeCompare(other));
}
