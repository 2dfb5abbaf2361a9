// Whose fault an error is: that of the query, or that of an expression that is asked for beside it.

import { useQuery } from "@tanstack/react-query";
import { ApiError, get } from "../../api/client";
import type { Kind } from "../../api/types";

export interface Blame {
  /** The error, if it is the query's, or nobody's. */
  ofQuery: unknown;
  /** The error, if the query alone is right. */
  ofExpressions: unknown;
}

/** `error` came for a query together with other expressions; the server says whether the query alone is right. */
export function useBlame(kind: Kind, q: string, expressions: readonly string[], error: unknown): Blame {
  const isUnclear = error instanceof ApiError && error.status === 400 && expressions.length > 0;
  const { data } = useQuery({
    queryKey: ["check", kind, q],
    queryFn: ({ signal }) =>
      get<{ ok: boolean }>("check", { q, kind }, signal).catch((failed: unknown) => {
        if (failed instanceof ApiError && failed.status === 400) return { ok: false };
        throw failed;
      }),
    enabled: isUnclear,
  });
  if (isUnclear && data?.ok) {
    const which = expressions.length === 1 ? expressions[0] : `one of ${expressions.join(", ")}`;
    return {
      ofQuery: null,
      ofExpressions: new Error(`The expression can't be right (${which}): ${error.message}`),
    };
  }
  return { ofQuery: error, ofExpressions: null };
}
