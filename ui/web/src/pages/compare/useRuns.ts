// The runs of a query, with the values of some expressions.

import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import { get } from "../../api/client";
import type { LiveChange, RunsReply, Tagged } from "../../api/types";
import { useRefresh } from "../../components/refresh/useRefresh";

export const MOST = 5000;

export interface RunTable {
  answer: RunsReply;
  hash: readonly string[];
  /** The values of an expression, by run; undefined until they have been asked for. */
  values: (expression: string) => readonly Tagged[] | undefined;
}

export function useRuns(q: string, expressions: readonly string[]) {
  const client = useQueryClient();
  const columns = useMemo(() => [...new Set(expressions)].sort(), [expressions]);
  const { data, error, isFetching, isPlaceholderData, refetch } = useQuery({
    queryKey: ["compare", q, columns],
    queryFn: async ({ signal }) => ({
      columns,
      answer: await get<RunsReply>("runs", { q, limit: MOST, column: columns }, signal),
    }),
    placeholderData: keepPreviousData,
    gcTime: 60_000,
  });
  const shown = useMemo(() => new Set(data?.answer.runs.hash), [data]);
  const concerns = useCallback(
    (change: LiveChange) => {
      client.invalidateQueries({ queryKey: ["compare"], refetchType: "none" });
      if (change.more || change.runs.some((run) => shown.has(run))) return 2000;
      return change.runs.length > 0 ? 4000 : null;
    },
    [client, shown],
  );
  useRefresh(
    concerns,
    useCallback(() => refetch({ cancelRefetch: false }), [refetch]),
  );
  const table = useMemo((): RunTable | undefined => {
    if (!data) return undefined;
    const places = new Map(data.columns.map((column, place) => [column, place]));
    return {
      answer: data.answer,
      hash: data.answer.runs.hash,
      values: (expression) => {
        const place = places.get(expression);
        return place === undefined ? undefined : data.answer.columns[place];
      },
    };
  }, [data]);
  return { table, error, isLoading: isFetching, isOld: isPlaceholderData };
}
