// The lines of a run's terminal as they are fetched: the last page first, earlier ones on demand, new ones live.

import { useCallback, useEffect, useRef, useState } from "react";
import { get } from "../../api/client";
import { useLiveChanges } from "../../api/live";
import type { LiveChange, TerminalReply } from "../../api/types";
import { concerns } from "../../components/detail/refresh";
import { earlier, fetched, joined, type Line, type Lines, lastPage, later, NONE, type Page } from "./lines";

const PAGE = 1000;
const LARGE = 10_000;
/** A page while one searches: small enough that it is seen to go on, and can be stopped. */
const SEARCHED = 5_000;

export interface Terminal {
  have: Lines;
  isLoading: boolean;
  error: unknown;
  /** Fetch the page before what is at hand. */
  loadEarlier: () => Promise<void>;
  /** Fetch page after page of what stands before, as long as `goesOn` says so, to the beginning. */
  loadBack: (goesOn: (have: Lines) => boolean) => Promise<void>;
  /** Fetch everything before what is at hand, and give all lines. */
  loadAll: () => Promise<readonly Line[]>;
}

export function useTerminal(hash: string): Terminal {
  const [have, setHave] = useState<Lines>(NONE);
  const [isLoading, setLoading] = useState(true);
  const [error, setError] = useState<unknown>(null);
  const now = useRef<Lines>(NONE);
  // one request after another: each is made for what the one before has brought
  const queue = useRef<Promise<unknown>>(Promise.resolve());
  const leaving = useRef(new AbortController());

  const ask = useCallback(
    (after: number, limit: number) =>
      get<TerminalReply>(
        `runs/${encodeURIComponent(hash)}/terminal`,
        { after, limit },
        leaving.current.signal,
      ),
    [hash],
  );
  const join = useCallback((page: Page) => {
    now.current = joined(now.current, page);
    setHave(now.current);
  }, []);
  const enqueue = useCallback((work: () => Promise<void>): Promise<void> => {
    const signal = leaving.current.signal;
    const done = queue.current.then(async () => {
      if (signal.aborted) return;
      setLoading(true);
      try {
        await work();
        setError(null);
      } catch (problem) {
        if (!signal.aborted) setError(problem);
      } finally {
        if (!signal.aborted) setLoading(false);
      }
    });
    queue.current = done;
    return done;
  }, []);

  const loadNewer = useCallback(async () => {
    const isFirst = now.current.lines.length === 0;
    join(isFirst ? lastPage(await ask(-PAGE, PAGE)) : await fetched(later(now.current), LARGE, ask));
  }, [ask, join]);

  useEffect(() => {
    leaving.current = new AbortController();
    now.current = NONE;
    setHave(NONE);
    void enqueue(loadNewer);
    return () => leaving.current.abort();
  }, [enqueue, loadNewer]);

  const waiting = useRef(false);
  const listener = useCallback(
    (change: LiveChange) => {
      if (waiting.current || !concerns(change, hash)) return;
      waiting.current = true;
      void enqueue(async () => {
        waiting.current = false;
        await loadNewer();
      });
    },
    [enqueue, hash, loadNewer],
  );
  useLiveChanges(listener);

  const loadPage = useCallback(
    async (span: number) => {
      const range = earlier(now.current, span);
      if (range !== null) join(await fetched(range, LARGE, ask));
      return range !== null;
    },
    [ask, join],
  );
  const loadEarlier = useCallback(
    () =>
      enqueue(async () => {
        await loadPage(PAGE);
      }),
    [enqueue, loadPage],
  );
  const loadBack = useCallback(
    async (goesOn: (have: Lines) => boolean) => {
      let isMore = true;
      while (isMore) {
        isMore = false; // and stays so where a page could not be had
        await enqueue(async () => {
          isMore = goesOn(now.current) && (await loadPage(SEARCHED));
        });
      }
    },
    [enqueue, loadPage],
  );
  const loadAll = useCallback(async () => {
    await enqueue(async () => {
      await loadPage(Number.MAX_SAFE_INTEGER);
    });
    return now.current.lines;
  }, [enqueue, loadPage]);
  return { have, isLoading, error, loadEarlier, loadBack, loadAll };
}
