// What the table lists: the rows of one question, or its groups with the rows of those that are open.

import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { get } from "../../api/client";
import type { Answer, GroupsReply, RunsReply } from "../../api/types";
import { Layout, type Line, within } from "./layout";
import { useNews } from "./news";
import { RunPages, type RunRow, rowsOf } from "./pages";

/** As many lines as a browser can make a page high for. */
const MOST_LINES = 500_000;

export interface Question {
  query: string;
  order: string | null;
  descending: boolean;
  expressions: readonly string[];
  /** The expression by which runs are grouped; null for one list. */
  by: string | null;
}

export interface Listing {
  layout: Layout;
  /** The row on a line; undefined while it is not here, or if a group stands there. */
  rowAt: (line: number) => RunRow | undefined;
  /** Says which lines are in view. */
  want: (first: number, last: number) => void;
  /** Asks again, after something was changed. */
  refresh: () => void;
  groups: GroupsReply | undefined;
  isOpen: (group: number) => boolean;
  fold: (group: number) => void;
  answer: Answer | undefined;
  error: unknown;
  isLoading: boolean;
  /** Whether what is shown is the answer to the question before. */
  isOld: boolean;
  /** New runs above, that are not shown yet. */
  waiting: number;
  admit: () => void;
  setAtTop: (atTop: boolean) => void;
  /** All rows that are here. */
  rowsHere: () => Iterable<RunRow>;
  /** All rows between two lines, fetched where they are not here. */
  rowsBetween: (from: number, to: number) => Promise<RunRow[]>;
}

type Rows = Pick<Question, "query" | "order" | "descending"> & { expressions: readonly string[] };

function askFor({ query, order, descending, expressions }: Rows) {
  return (offset: number, limit: number) =>
    get<RunsReply>("runs", {
      q: query,
      order_by: order,
      descending: order === null ? null : descending,
      offset,
      limit,
      column: expressions,
    });
}

/** The rows of one list, the same object as long as the question is the same. */
function usePages(question: Question): RunPages {
  const { query, order, descending, expressions } = question;
  const key = JSON.stringify([query, order, descending, expressions]);
  const last = useRef<{ key: string; pages: RunPages } | null>(null);
  const pages = useMemo(() => {
    const [q, by, falling, columns] = JSON.parse(key) as [string, string | null, boolean, string[]];
    if (last.current?.key === key) return last.current.pages;
    return new RunPages({
      ask: askFor({ query: q, order: by, descending: falling, expressions: columns }),
      expressions: columns,
      isNewestFirst: by === null,
      previous: last.current?.pages ?? null,
    });
  }, [key]);
  useEffect(() => {
    last.current = { key, pages };
  }, [key, pages]);
  useSyncExternalStore(pages.subscribe, pages.snapshot);
  return pages;
}

/** The lists of open groups, by their conditions; and which are open. */
class OpenGroups {
  version = 0;
  readonly #lists = new Map<string, RunPages>();
  readonly #watchers = new Set<() => void>();

  subscribe = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  snapshot = (): number => this.version;

  #told = (): void => {
    this.version += 1;
    for (const watcher of this.#watchers) watcher();
  };

  list(where: string): RunPages | undefined {
    return this.#lists.get(where);
  }

  fold(where: string, make: () => RunPages): void {
    if (!this.#lists.delete(where)) {
      const pages = make();
      pages.subscribe(this.#told);
      this.#lists.set(where, pages);
    }
    this.#told();
  }

  *rows(): Iterable<RunRow> {
    for (const pages of this.#lists.values()) yield* pages.rows();
  }

  changed(): void {
    for (const pages of this.#lists.values()) pages.changed();
  }
}

function useGroups({ query, order, descending, expressions, by }: Question, round: number) {
  const reply = useQuery({
    queryKey: ["groups", query, by, round],
    queryFn: ({ signal }) => get<GroupsReply>("groups", { q: query, by }, signal),
    enabled: by !== null,
    placeholderData: (previous, before) => {
      const [, q, expression] = before?.queryKey ?? [];
      return q === query && expression === by ? previous : undefined;
    },
    gcTime: 0,
  });
  const key = JSON.stringify([query, order, descending, expressions, by]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another question begins with all groups closed
  const open = useMemo(() => new OpenGroups(), [key]);
  useSyncExternalStore(open.subscribe, open.snapshot);
  return { reply, open };
}

export function useListing(question: Question): Listing {
  const { query, order, descending, expressions, by } = question;
  const [round, setRound] = useState(0);
  const isGrouped = by !== null;
  const pages = usePages(question);
  const { reply, open } = useGroups(question, round);
  const groups = isGrouped ? reply.data : undefined;
  const listOf = (group: number) => open.list(groups?.groups[group]?.where ?? "");

  const sections = groups?.groups.map(({ where, count }) => {
    const list = open.list(where);
    return { isOpen: list !== undefined, rows: list ? (list.total ?? count) : 0 };
  });
  const count = Math.min(pages.length, MOST_LINES);
  const content = isGrouped ? JSON.stringify(sections ?? []) : count;
  const layout = useMemo(
    () =>
      new Layout(
        typeof content === "number" ? content : (JSON.parse(content) as { isOpen: boolean; rows: number }[]),
      ),
    [content],
  );

  const rowOn = (line: Line): RunRow | undefined => {
    if (line.kind === "group") return undefined;
    return line.group === null ? pages.at(line.row) : listOf(line.group)?.at(line.row);
  };
  const want = (first: number, last: number) => {
    for (const stretch of layout.stretches(first, last))
      (stretch.group === null ? pages : listOf(stretch.group))?.want(stretch.first, stretch.last);
    if (!isGrouped && layout.count === 0) pages.want(0, 0);
  };
  const refresh = useCallback(() => {
    if (isGrouped) {
      setRound((number) => number + 1);
      open.changed();
    } else pages.changed();
  }, [pages, open, isGrouped]);
  useNews(refresh);
  useEffect(() => {
    if (!isGrouped) pages.want(0, 0);
  }, [pages, isGrouped]);

  const rowsBetween = async (from: number, to: number): Promise<RunRow[]> => {
    const lists = layout.stretches(from, to).map(async ({ group, first, last }) => {
      const where = group === null ? null : (groups?.groups[group]?.where ?? "");
      const q = where === null ? query : within(query, where);
      const list = group === null ? pages : listOf(group);
      const here = Array.from({ length: last - first + 1 }, (_, row) => list?.at(first + row));
      if (here.every((row) => row !== undefined)) return here;
      return fetched({ query: q, order, descending, expressions: [] }, first, last);
    });
    return (await Promise.all(lists)).flat();
  };
  return {
    layout,
    rowAt: (line) => rowOn(layout.at(line)),
    want,
    refresh,
    groups,
    isOpen: (group) => listOf(group) !== undefined,
    fold: (group) => {
      const where = groups?.groups[group]?.where;
      if (where === undefined) return;
      const rows = { query: within(query, where), order, descending, expressions };
      open.fold(where, () => {
        const list = new RunPages({ ask: askFor(rows), expressions });
        list.want(0, 0);
        return list;
      });
    },
    answer: isGrouped ? reply.data : (pages.answer ?? undefined),
    error: isGrouped ? reply.error : pages.error,
    isLoading: isGrouped ? reply.isFetching : pages.isLoading,
    isOld: isGrouped ? false : pages.isOld,
    waiting: isGrouped ? 0 : pages.waiting,
    admit: () => pages.admit(),
    setAtTop: (atTop) => {
      pages.atTop = atTop;
      if (atTop) pages.admit();
    },
    rowsHere: () => (isGrouped ? open : pages).rows(),
    rowsBetween,
  };
}

/** Rows without columns, as many at once as the server gives. */
async function fetched(rows: Rows, first: number, last: number): Promise<RunRow[]> {
  const ask = askFor(rows);
  const found: RunRow[] = [];
  for (let offset = first; offset <= last; offset += 10_000) {
    const reply = await ask(offset, Math.min(10_000, last - offset + 1));
    const here = rowsOf(reply, []);
    found.push(...here);
    if (here.length === 0) break;
  }
  return found;
}
