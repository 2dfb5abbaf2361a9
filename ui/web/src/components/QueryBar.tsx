// The query: what is asked, and how it was answered. On every page.

import { type FormEvent, useEffect, useState } from "react";
import { ApiError } from "../api/client";
import type { Answer, Kind } from "../api/types";
import { Failure } from "./States";

export interface QueryBarProps {
  /** What the query is about: decides which names it may use. */
  kind: Kind;
  /** The query that is answered now. */
  value: string;
  onSubmit: (query: string) => void;
  /** The answer to it, once there is one. */
  answer?: Answer | undefined;
  /** What is counted: "runs", "metrics", ... */
  unit: string;
  error?: unknown;
  isLoading?: boolean;
}

export function QueryBar({ kind, value, onSubmit, answer, unit, error, isLoading }: QueryBarProps) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit(text);
  };
  return (
    <form onSubmit={submit} data-kind={kind}>
      <input type="text" value={text} onChange={(event) => setText(event.target.value)} aria-label="Query" />
      <button type="submit" data-kind="main">
        Ask
      </button>
      {isLoading && <span role="status">asking…</span>}
      {answer && (
        <span>
          {answer.total.toLocaleString("en-US")} {unit} of {answer.of.toLocaleString("en-US")} runs in{" "}
          {(answer.seconds * 1000).toFixed(0)} ms
        </span>
      )}
      {error instanceof ApiError && <Failure error={error} />}
    </form>
  );
}
