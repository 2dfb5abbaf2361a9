// Answers go stale when the repository changes: they are asked anew, one round at a time, and none is lost.

import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useRef } from "react";
import { useLiveChanges } from "../../api/live";
import type { LiveChange } from "../../api/types";

/** Whether a change may be about a run; null: about any. One that names no runs may be about each. */
export function concerns(change: LiveChange, run: string | null): boolean {
  return run === null || change.more || change.runs.length === 0 || change.runs.includes(run);
}

/** Ask again for the queries under `key` whenever the run changes (null: whenever anything does). */
export function useRefresh(key: string, run: string | null): void {
  const client = useQueryClient();
  const state = useRef({ busy: false, again: false });
  const listener = useCallback(
    (change: LiveChange) => {
      const now = state.current;
      if (!concerns(change, run)) return;
      if (now.busy) {
        now.again = true;
        return;
      }
      const round = async () => {
        now.busy = true;
        do {
          now.again = false;
          await client.invalidateQueries({ queryKey: run === null ? [key] : [key, run] });
        } while (now.again);
        now.busy = false;
      };
      void round();
    },
    [client, key, run],
  );
  useLiveChanges(listener);
}
