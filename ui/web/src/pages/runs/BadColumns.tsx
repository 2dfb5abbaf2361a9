// Which column, order or grouping of the address cannot be asked for, and a way to be rid of it.

import { useQueries, useQuery } from "@tanstack/react-query";
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

function isWrong(error: unknown): error is ApiError {
  return error instanceof ApiError && error.kind === "QueryError";
}

function check(expression: string) {
  return {
    queryKey: ["check", expression],
    queryFn: ({ signal }: { signal: AbortSignal }) =>
      get<unknown>("check", { q: expression, kind: "runs" }, signal),
    retry: false,
  };
}

export function BadColumns(props: BadColumnsProps) {
  const { error, query, ids, expressions, order, by, change, setIds } = props;
  const whole = useQuery({ ...check(query), enabled: isWrong(error) && query.trim() !== "" });
  // where the query itself is wrong, that is what there is to say
  const isSuspect = isWrong(error) && !whole.isFetching && whole.error === null;
  const all = isSuspect ? new Set([...expressions, order ?? "", by ?? ""]) : [];
  const suspects = [...all].filter((one) => one !== "");
  const checks = useQueries({ queries: suspects.map(check) });
  return checks.map(({ error: said }, place) => {
    const expression = suspects[place];
    if (expression === undefined || !isWrong(said)) return null;
    const takeOut = () => {
      change({
        ...(expression === order ? { order_by: null, descending: null } : {}),
        ...(expression === by ? { group: null } : {}),
      });
      if (ids.includes(expression)) setIds(ids.filter((id) => id !== expression));
    };
    return (
      <div key={expression} className={styles.bad} role="alert">
        <span>
          <code>{expression}</code> cannot be asked for each run: {said.message}
        </span>
        <button type="button" onClick={takeOut}>
          <X size={14} aria-hidden />
          Take it out
        </button>
      </div>
    );
  });
}
