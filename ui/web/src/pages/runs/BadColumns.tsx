// Which column, order or grouping of the address cannot be asked for, and a way to be rid of it.

import { useQueries } from "@tanstack/react-query";
import { X } from "lucide-react";
import type { Changes } from "../../address";
import { ApiError, get } from "../../api/client";
import styles from "./Runs.module.css";

interface BadColumnsProps {
  error: unknown;
  query: string;
  /** All columns. */
  ids: readonly string[];
  /** Those of them that are expressions. */
  expressions: readonly string[];
  order: string | null;
  by: string | null;
  change: (changes: Changes) => void;
  setIds: (ids: readonly string[]) => void;
}

export function BadColumns({ error, query, ids, expressions, order, by, change, setIds }: BadColumnsProps) {
  const isSuspect = error instanceof ApiError && error.status === 400;
  const suspects = isSuspect
    ? [...new Set([...expressions, order ?? "", by ?? ""])].filter((one) => one && one !== query)
    : [];
  const checks = useQueries({
    queries: suspects.map((expression) => ({
      queryKey: ["check", expression],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        get<unknown>("check", { q: expression, kind: "runs" }, signal),
      retry: false,
    })),
  });
  return checks.map((check, place) => {
    const expression = suspects[place];
    if (expression === undefined || check.error === null) return null;
    return (
      <div key={expression} className={styles.bad} role="alert">
        <span>
          <code>{expression}</code> cannot be a column: {check.error.message}
        </span>
        <button
          type="button"
          onClick={() => {
            if (expression === order) change({ order_by: null, descending: null });
            if (expression === by) change({ group: null });
            if (ids.includes(expression)) setIds(ids.filter((id) => id !== expression));
          }}
        >
          <X size={14} aria-hidden />
          Take it out
        </button>
      </div>
    );
  });
}
