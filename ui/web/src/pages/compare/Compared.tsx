// The runs of an answer, drawn; what is chosen among them, and those in a table.

import { X } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { useLocation } from "wouter";
import type { Tagged } from "../../api/types";
import { showNumber } from "../../api/values";
import { rampGradient } from "../../components/colouring/colouring";
import { shortExpression } from "../../components/picker/expressions";
import { Empty } from "../../components/States";
import { useTheme } from "../../theme";
import type { Choice } from "../Compare";
import { axisFor } from "./axis";
import { type Brush, brushText, conditionOf, passes } from "./brush";
import styles from "./Compare.module.css";
import { Parallel } from "./Parallel";
import { RunList } from "./RunList";
import { Scatter } from "./Scatter";
import type { CompareState } from "./state";
import { type Tint, tintFor } from "./tint";
import type { RunTable } from "./useRuns";

interface ComparedProps {
  choice: Choice;
  table: RunTable;
  expressions: readonly string[];
  onChange: (state: Partial<CompareState>, replace?: boolean) => void;
}

export function Compared({ choice, table, expressions, onChange }: ComparedProps) {
  const [, navigate] = useLocation();
  const theme = useTheme();
  const { brushes, logs } = choice;
  const { runs, total } = table.answer;
  const column = useCallback(
    (expression: string) => {
      const values = table.values(expression);
      return values && { expression, values, log: logs.has(expression) };
    },
    [table, logs],
  );
  const colour = useMemo(() => (choice.colour ? column(choice.colour) : undefined), [choice.colour, column]);
  const before = useRef<ReadonlyMap<string, number> | undefined>(undefined);
  const tint = useMemo(() => tintFor(colour?.values ?? null, theme, before.current), [colour, theme]);
  useEffect(() => {
    before.current = tint.numbers;
  }, [tint]);
  const chosen = useMemo(() => chosenBy(brushes, column, table.hash.length), [brushes, column, table]);
  const x = useMemo(() => column(choice.x), [column, choice.x]);
  const y = useMemo(() => column(choice.y), [column, choice.y]);
  const columns = useMemo(
    () => choice.axes.map(column).filter((one) => one !== undefined),
    [choice.axes, column],
  );
  const put = useCallback(
    (fresh: readonly Brush[], away: readonly string[] = []) => {
      const gone = new Set([...away, ...fresh.map((brush) => brush.expression)]);
      onChange({ brushes: [...brushes.filter((one) => !gone.has(one.expression)), ...fresh] });
    },
    [brushes, onChange],
  );
  const open = useCallback((hash: string) => navigate(`/run/${encodeURIComponent(hash)}`), [navigate]);

  if (table.hash.length === 0)
    return (
      <Empty title="No run matches">
        <p>{table.answer.of === 0 ? "There are no runs yet." : "The query is true for no run."}</p>
      </Empty>
    );
  const common = { hashes: table.hash, names: runs.name, tint, chosen, onOpen: open };
  return (
    <>
      <Notes choice={choice} shown={table.hash.length} total={total} onChange={onChange} />
      <Key tint={tint} expression={choice.colour} theme={theme} />
      {choice.view === "scatter"
        ? x &&
          y && (
            <Scatter
              {...common}
              x={x}
              y={y}
              colour={colour ?? null}
              trend={choice.trend}
              onBrush={(fresh) => put(fresh)}
            />
          )
        : columns.length > 0 && (
            <Parallel
              {...common}
              columns={columns}
              brushes={brushes}
              onBrush={(expression, brush) => put(brush ? [brush] : [], [expression])}
              onOrder={(axes) =>
                onChange({ axes, brushes: brushes.filter((one) => axes.includes(one.expression)) })
              }
              onLog={(expression, log) => {
                const next = new Set(logs);
                if (log) next.add(expression);
                else next.delete(expression);
                onChange({ logs: next });
              }}
            />
          )}
      <RunList
        table={table}
        expressions={expressions}
        chosen={chosen}
        narrowed={brushes.length > 0}
        tint={tint}
        sort={choice.sort}
        onSort={(sort) => onChange({ sort }, true)}
      />
    </>
  );
}

/** Which runs all brushes let through. */
function chosenBy(
  brushes: readonly Brush[],
  column: (expression: string) => { values: readonly Tagged[]; log: boolean } | undefined,
  count: number,
): boolean[] {
  const chosen = new Array<boolean>(count).fill(true);
  for (const brush of brushes) {
    const found = column(brush.expression);
    if (!found) continue;
    const axis = axisFor(brush.expression, found.values, found.log);
    found.values.forEach((value, place) => {
      if (!passes(axis, brush, value)) chosen[place] = false;
    });
  }
  return chosen;
}

interface NotesProps {
  choice: Choice;
  shown: number;
  total: number;
  onChange: ComparedProps["onChange"];
}

/** What is left out, by us or by the reader. */
function Notes({ choice, shown, total, onChange }: NotesProps) {
  const { brushes, query } = choice;
  const conditions = brushes.map(conditionOf);
  const canAsk = conditions.every((one) => one !== null);
  if (brushes.length === 0 && shown >= total) return null;
  const narrow = () => {
    const parts = [
      ...(query.trim() ? [`(${query.trim()})`] : []),
      ...conditions.filter((one) => one !== null),
    ];
    onChange({ query: parts.join(" and "), brushes: [] });
  };
  return (
    <div className={styles.bar}>
      {shown < total && (
        <span className={styles.note}>
          The newest {shown.toLocaleString("en-US")} of {total.toLocaleString("en-US")} runs are shown; narrow
          the query for others
        </span>
      )}
      {brushes.map((brush) => (
        <span key={brush.expression} className={styles.chip}>
          <span title={brush.expression}>
            {shortExpression(brush.expression)}: {brushText(brush)}
          </span>
          <button
            type="button"
            data-kind="quiet"
            aria-label={`Show all of ${shortExpression(brush.expression)}`}
            onClick={() => onChange({ brushes: brushes.filter((one) => one !== brush) })}
          >
            <X size={13} aria-hidden />
          </button>
        </span>
      ))}
      {brushes.length > 0 && (
        <>
          <button type="button" data-kind="quiet" onClick={() => onChange({ brushes: [] })}>
            Show all
          </button>
          <button
            type="button"
            data-kind="quiet"
            disabled={!canAsk}
            title={canAsk ? "Ask for these runs alone" : "No query says the same as what is chosen"}
            onClick={narrow}
          >
            Put into the query
          </button>
        </>
      )}
    </div>
  );
}

const KEYS = 16;

/** What the colours say. */
function Key({
  tint,
  expression,
  theme,
}: {
  tint: Tint;
  expression: string | null;
  theme: "light" | "dark";
}) {
  if (expression === null) return null;
  return (
    <div className={styles.key}>
      <b title={expression}>{shortExpression(expression)}</b>
      {tint.scale && (
        <span>
          {showNumber(tint.scale[0])} <i data-scale style={{ background: rampGradient(theme) }} />{" "}
          {showNumber(tint.scale[1])} (by rank)
        </span>
      )}
      {tint.keys.slice(0, KEYS).map(({ label, colour, count }) => (
        <span key={label} title={label}>
          <i style={{ background: colour }} /> {label} ({count.toLocaleString("en-US")})
        </span>
      ))}
      {tint.keys.length > KEYS && <span>and {tint.keys.length - KEYS} more, in colours that repeat</span>}
    </div>
  );
}
