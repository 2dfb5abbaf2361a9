// Whether what is being written can be right, asked when the writer pauses.

import { useEffect, useState } from "react";
import { ApiError, get } from "../../api/client";
import type { Kind } from "../../api/types";

const PAUSE = 300;

/** What is wrong with a text; null while nothing is known to be. Not asked where `asks` is false. */
export function useCheck(text: string, kind: Kind, asks: boolean): ApiError | null {
  const [found, find] = useState<{ text: string; error: ApiError | null } | null>(null);
  useEffect(() => {
    if (!asks || !text.trim()) return;
    const control = new AbortController();
    const timer = window.setTimeout(() => {
      get<unknown>("check", { q: text, kind }, control.signal)
        .then(() => find({ text, error: null }))
        .catch((error: unknown) => {
          // only the query's own faults are said here: the rest is said where it is asked
          const isIts = error instanceof ApiError && error.status === 400;
          if (!control.signal.aborted) find({ text, error: isIts ? error : null });
        });
    }, PAUSE);
    return () => {
      window.clearTimeout(timer);
      control.abort();
    };
  }, [text, kind, asks]);
  return asks && found?.text === text ? found.error : null;
}
