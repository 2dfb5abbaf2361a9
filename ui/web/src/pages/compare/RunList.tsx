// The runs that are chosen, as a small table.

import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import { useMemo, useRef } from "react";
import { Link } from "wouter";
import type { Tagged } from "../../api/types";
import { asNumber, showValue } from "../../api/values";
import { shortExpression } from "../../components/picker/expressions";
import styles from "./Compare.module.css";
import { sorted } from "./order";
import type { CompareState } from "./state";
import type { Tint } from "./tint";
import type { RunTable } from "./useRuns";

interface RunListProps {
  table: RunTable;
  expressions: readonly string[];
  chosen: readonly boolean[];
  narrowed: boolean;
  tint: Tint;
  sort: CompareState["sort"];
  onSort: (sort: CompareState["sort"]) => void;
}

export function RunList({ table, expressions, chosen, narrowed, tint, sort, onSort }: RunListProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const { runs } = table.answer;
  const columns = useMemo(
    () =>
      expressions.flatMap((expression) => {
        const values = table.values(expression);
        return values && expression !== "run.name" && expression !== "run.hash"
          ? [{ expression, values, numeric: values.some((value) => asNumber(value) !== null) }]
          : [];
      }),
    [expressions, table],
  );
  const places = useMemo(() => {
    const all = [...runs.hash.keys()].filter((place) => chosen[place]);
    const values: readonly Tagged[] | undefined =
      sort?.expression === "run.name" ? runs.name : sort ? table.values(sort.expression) : undefined;
    return values && sort ? sorted(all, values, sort.descending) : all;
  }, [runs, chosen, sort, table]);
  const virtual = useVirtualizer({
    count: places.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 28,
    overscan: 8,
  });
  const rows = virtual.getVirtualItems();
  const after = virtual.getTotalSize() - (rows[rows.length - 1]?.end ?? 0);
  const head = (expression: string, title: string, numeric = false) => {
    const mine = sort?.expression === expression ? sort : null;
    const Arrow = mine?.descending ? ArrowDown : ArrowUp;
    const next = !mine
      ? { expression, descending: false }
      : mine.descending
        ? null
        : { expression, descending: true };
    return (
      <th
        key={expression}
        data-numeric={numeric || undefined}
        aria-sort={mine ? (mine.descending ? "descending" : "ascending") : "none"}
      >
        <button type="button" data-kind="quiet" onClick={() => onSort(next)} title={expression}>
          <span>{title}</span>
          {mine && <Arrow size={12} aria-hidden />}
        </button>
      </th>
    );
  };
  return (
    <section className={styles.list} aria-label="Runs">
      <h2>
        {places.length.toLocaleString("en-US")}{" "}
        {narrowed ? `of ${runs.hash.length.toLocaleString("en-US")} ` : ""}runs
      </h2>
      <div className={styles.scroller} ref={scroller}>
        <table aria-rowcount={places.length + 1}>
          <thead>
            <tr>
              {head("run.name", "run")}
              {columns.map(({ expression, numeric }) =>
                head(expression, shortExpression(expression), numeric),
              )}
            </tr>
          </thead>
          <tbody>
            {(rows[0]?.start ?? 0) > 0 && <tr aria-hidden style={{ height: rows[0]?.start }} />}
            {rows.map(({ index }) => {
              const place = places[index] as number;
              const hash = runs.hash[place] as string;
              const name = runs.name[place] || hash.slice(0, 8);
              return (
                <tr key={hash} aria-rowindex={index + 2}>
                  <td title={`${name} (${hash})`}>
                    <i style={{ background: tint.of(place) }} />
                    <Link href={`/run/${encodeURIComponent(hash)}`}>{name}</Link>
                  </td>
                  {columns.map(({ expression, values }) => (
                    <Cell key={expression} value={values[place]} />
                  ))}
                </tr>
              );
            })}
            {after > 0 && <tr aria-hidden style={{ height: after }} />}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Cell({ value }: { value: Tagged | undefined }) {
  const text = showValue(value);
  return (
    <td title={text} data-numeric={asNumber(value) !== null || undefined}>
      {text}
    </td>
  );
}
