// Asking again when something has changed: not for every change, never twice at once, and not while nobody looks.

import { useCallback, useEffect, useRef } from "react";
import { useLiveChanges } from "../../api/live";
import type { LiveChange } from "../../api/types";

/**
 * Calls `ask` after a change that concerns what is shown. `concerns` says how many milliseconds must lie between the end
 * of the last answer and the next question, null if the change is none of ours: so a slow server is not asked faster
 * than it answers.
 */
export function useRefresh(
  concerns: (change: LiveChange) => number | null,
  ask: () => Promise<unknown>,
): void {
  const newest = useRef({ concerns, ask });
  newest.current = { concerns, ask };
  const state = useRef({ pause: null as number | null, asking: false, timer: 0, ended: 0 });

  const go = useCallback(() => {
    const now = state.current;
    window.clearTimeout(now.timer);
    if (now.pause === null || now.asking || document.hidden) return;
    now.timer = window.setTimeout(
      () => {
        now.pause = null;
        now.asking = true;
        const over = () => {
          now.asking = false;
          now.ended = performance.now();
          go();
        };
        // whoever shows the answer shows its error as well
        newest.current.ask().then(over, over);
      },
      Math.max(0, now.ended + now.pause - performance.now()),
    );
  }, []);

  useEffect(() => {
    const now = state.current;
    document.addEventListener("visibilitychange", go);
    return () => {
      document.removeEventListener("visibilitychange", go);
      window.clearTimeout(now.timer);
    };
  }, [go]);

  useLiveChanges(
    useCallback(
      (change: LiveChange) => {
        const pause = newest.current.concerns(change);
        if (pause === null) return;
        state.current.pause = Math.min(state.current.pause ?? Infinity, pause);
        go();
      },
      [go],
    ),
  );
}
