// The curves of a query: all of each, and, where a part is looked at closely, that part again with all of its points.

import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { getBinary } from "../../api/client";
import { type Curves, decodeCurves } from "../../api/columns";
import type { LiveChange } from "../../api/types";
import { useRefresh } from "../../components/refresh/useRefresh";
import type { Range } from "./state";

export const LIMIT = 500;

/** Milliseconds between an answer and the next question, while something changes. */
const LEAST_PAUSE = 250;
/** The same where no run that is shown has changed: another one may match by now. */
const OTHERS_PAUSE = 3000;

export interface Asked {
  q: string;
  x: string;
  smooth: number;
  offset: number;
  attribute: readonly string[];
}

/** An answer, and what it answers: which may not be what is asked now, until that is answered. */
export interface Answered extends Curves {
  asked: Asked;
  points: number;
}

export interface CurvesFound {
  answer: Answered | undefined;
  /** The closer look; undefined until it is there. */
  detail: Answered | undefined;
  error: unknown;
  isLoading: boolean;
  /** Whether what is shown answers an older question. */
  isOld: boolean;
  /** Whether the closer look is on its way. */
  isLookingCloser: boolean;
}

type Key = readonly ["curves", Asked, number, Range | null];

async function ask({ queryKey, signal }: { queryKey: Key; signal: AbortSignal }): Promise<Answered> {
  const [, asked, points, range] = queryKey;
  const reply = await getBinary(
    "curves",
    { ...asked, points, limit: LIMIT, low: range?.low, high: range?.high },
    signal,
  );
  return { ...decodeCurves(reply), asked, points };
}

const OPTIONS = {
  queryFn: ask,
  // arrays of numbers are not compared, and are too large to be kept for long
  structuralSharing: false,
  gcTime: 30_000,
} as const;

export function useCurves(asked: Asked | null, wanted: number, range: Range | null): CurvesFound {
  const [points, setPoints] = useState(wanted);
  const client = useQueryClient();
  const enabled = asked !== null;
  const question = asked ?? { q: "", x: "step", smooth: 0, offset: 0, attribute: [] };
  const whole = useQuery({
    ...OPTIONS,
    queryKey: ["curves", question, points, null] as Key,
    enabled,
    placeholderData: keepPreviousData,
  });
  const isThinned = whole.data?.sequences.some((sequence) => !sequence.exact) ?? false;
  // more points are of use where some are missing; fewer would be asked for in vain
  const wantsMore = isThinned && !whole.isPlaceholderData && wanted > points;
  useEffect(() => {
    if (wantsMore) setPoints(wanted);
  }, [wantsMore, wanted]);
  const looksCloser = enabled && range !== null && isThinned && !whole.isPlaceholderData;
  const closer = useQuery({
    ...OPTIONS,
    queryKey: ["curves", question, points, range] as Key,
    enabled: looksCloser,
  });

  const took = useRef(0);
  const shown = useMemo(() => new Set(whole.data?.sequences.map((sequence) => sequence.run)), [whole.data]);
  const concerns = useCallback(
    (change: LiveChange) => {
      // answers to other questions are not what they were, either: they are asked anew when they are shown again
      client.invalidateQueries({ queryKey: ["curves"], refetchType: "none" });
      if (!enabled) return null;
      // what takes long is asked less often: while runs go on, something changes all the time
      const pause = Math.max(2 * took.current, LEAST_PAUSE);
      if (change.more || change.runs.some((run) => shown.has(run))) return pause;
      return change.runs.length > 0 ? Math.max(pause, OTHERS_PAUSE) : null;
    },
    [client, enabled, shown],
  );
  const again = useCallback(async () => {
    const began = performance.now();
    await whole.refetch({ cancelRefetch: false });
    if (looksCloser) await closer.refetch({ cancelRefetch: false });
    await nextFrame();
    took.current = performance.now() - began;
  }, [whole.refetch, closer.refetch, looksCloser]);
  useRefresh(concerns, again);

  return {
    answer: enabled ? whole.data : undefined,
    detail: looksCloser ? closer.data : undefined,
    error: whole.error ?? (looksCloser ? closer.error : null),
    isLoading: enabled && whole.isFetching,
    isOld: whole.isPlaceholderData,
    isLookingCloser: looksCloser && closer.isFetching,
  };
}

/** When what has changed is on the screen. In a tab that nobody looks at, that is when somebody does. */
function nextFrame(): Promise<void> {
  return new Promise((resolve) => requestAnimationFrame(() => window.setTimeout(resolve, 0)));
}
