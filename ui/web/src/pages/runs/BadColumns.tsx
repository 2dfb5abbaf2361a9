// Which column, order or grouping of the address cannot be asked for, and a way to be rid of it.

import { useQueries, useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { ApiError, get } from "../../api/client";
import { Prose } from "../../components/query/Prose";
import styles from "./Runs.module.css";

export interface BadExpression {
  expression: string;
  message: string;
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

/** Which of the expressions an error is about; none where it is about the query itself, or about neither. */
export function useBadExpressions(
  error: unknown,
  query: string,
  expressions: readonly string[],
): BadExpression[] {
  const whole = useQuery({ ...check(query), enabled: isWrong(error) && query.trim() !== "" });
  const isSuspect = isWrong(error) && !whole.isFetching && whole.error === null;
  const suspects = isSuspect ? [...new Set(expressions)] : [];
  const checks = useQueries({ queries: suspects.map(check) });
  return checks.flatMap(({ error: said }, place) => {
    const expression = suspects[place];
    return expression !== undefined && isWrong(said) ? [{ expression, message: said.message }] : [];
  });
}

interface BadColumnsProps {
  bad: readonly BadExpression[];
  takeOut: (expression: string) => void;
}

export function BadColumns({ bad, takeOut }: BadColumnsProps) {
  return bad.map(({ expression, message }) => (
    <div key={expression} className={styles.bad} role="alert">
      <span>
        <code>{expression}</code> cannot be asked of each run: <Prose text={message} />
      </span>
      <button type="button" onClick={() => takeOut(expression)}>
        <X size={14} aria-hidden />
        Take it out
      </button>
    </div>
  ));
}
