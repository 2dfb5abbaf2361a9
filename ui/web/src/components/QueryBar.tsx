// The query: what is asked, and how it was answered. On every page.

import { Search, X } from "lucide-react";
import { useCallback, useEffect, useId, useRef, useState } from "react";
import { ApiError } from "../api/client";
import type { Answer, Kind } from "../api/types";
import styles from "./QueryBar.module.css";
import { AnswerLine } from "./query/AnswerLine";
import { useCheck } from "./query/check";
import { Editor, type EditorHandle } from "./query/Editor";
import { HistoryMenu } from "./query/HistoryMenu";
import { keepQuery, queriesAsked, Walk } from "./query/history";
import { useNames, useProject } from "./query/names";
import { CopyAddress, SaveView } from "./query/Share";
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

function example(kind: Kind): string {
  if (kind === "runs") return 'All runs. For example: run.lr > 0.01 and "keep" in run.tags';
  if (kind === "metric") return 'For example: metric.name == "loss" and run.lr > 0.01';
  return `All. For example: ${kind}.name == "samples" and run.lr > 0.01`;
}

export function QueryBar({ kind, value, onSubmit, answer, unit, error, isLoading }: QueryBarProps) {
  const [text, setText] = useState(value);
  const editor = useRef<EditorHandle>(null);
  const walk = useRef(new Walk());
  const walking = useRef(false);
  const below = useId();
  const names = useNames();
  const project = useProject();
  useEffect(() => setText(value), [value]);
  useSlash(editor);

  const isAsked = text === value;
  const written = useCheck(text, kind, !isAsked);
  const failed = error instanceof ApiError ? error : null;
  const problem = isAsked ? failed : written;

  const ask = (query: string) => {
    walk.current.stop();
    keepQuery(kind, query);
    setText(query);
    onSubmit(query);
  };
  const change = (next: string) => {
    if (!walking.current) walk.current.stop();
    walking.current = false;
    setText(next);
  };
  const step = (direction: -1 | 1) => {
    const list = queriesAsked(kind);
    const found = direction === -1 ? walk.current.older(list, text) : walk.current.newer(list);
    walking.current = found !== null;
    return found;
  };
  const refresh = () => {
    if (names.isStale) void names.refetch();
  };
  return (
    <search className={styles.bar} aria-label="Query" onFocus={refresh}>
      <div className={styles.line}>
        <div className={styles.field} data-problem={problem !== null || undefined}>
          <Editor
            ref={editor}
            kind={kind}
            names={names.data}
            text={text}
            label="Query"
            describedBy={below}
            hint={example(kind)}
            problem={problem}
            change={change}
            ask={() => ask(text)}
            leave={() => document.getElementById("main")?.focus()}
            walk={step}
          />
          {text !== "" && (
            <button
              type="button"
              data-kind="quiet"
              className={styles.clear}
              aria-label="Empty the query"
              title="Empty the query"
              onClick={() => {
                ask("");
                editor.current?.focus();
              }}
            >
              <X size={14} aria-hidden />
            </button>
          )}
          {isLoading && <div className={styles.busy} />}
        </div>
        <div className={styles.buttons}>
          <button type="button" data-kind="main" onClick={() => ask(text)} title="Ask (Enter)">
            <Search size={14} aria-hidden />
            Ask
          </button>
          <HistoryMenu
            kind={kind}
            choose={(query) => {
              ask(query);
              editor.current?.focus();
            }}
          />
          {project && !project.read_only && <SaveView />}
          <CopyAddress />
        </div>
      </div>
      <div className={styles.below} id={below} aria-live="polite">
        {problem !== null ? (
          <Problem problem={problem} />
        ) : isAsked && error != null ? (
          <Failure error={error} />
        ) : (
          <>
            {isLoading && <span className="visually-hidden">asking…</span>}
            {!isAsked && <span className={styles.draft}>not asked yet: Enter asks</span>}
            {answer && <AnswerLine answer={answer} unit={unit} />}
          </>
        )}
      </div>
    </search>
  );
}

function Problem({ problem }: { problem: ApiError }) {
  const where =
    problem.line === null
      ? ""
      : problem.line === 1
        ? ` (column ${problem.column})`
        : ` (line ${problem.line}, column ${problem.column})`;
  return (
    <div className={styles.problem}>
      <span>
        {problem.message}
        <span className={styles.small}>{where}</span>
      </span>
      {problem.hint && <span className={styles.hint}>{problem.hint}</span>}
    </div>
  );
}

/** "/" anywhere on the page, but where one writes, leads into the query. */
function useSlash(editor: { readonly current: EditorHandle | null }): void {
  const pressed = useCallback(
    (event: KeyboardEvent) => {
      const { target } = event;
      const writes =
        target instanceof HTMLElement &&
        (target.isContentEditable ||
          target.matches("input, textarea, select, [role=dialog] *, [role=menu] *"));
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || writes) return;
      event.preventDefault();
      editor.current?.focus();
    },
    [editor],
  );
  useEffect(() => {
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [pressed]);
}
