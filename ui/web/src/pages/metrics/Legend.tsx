// Which line is which: a table of all lines, with their values where the cursor is.

import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp, ChevronDown, ChevronUp } from "lucide-react";
import { type KeyboardEvent, memo, type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { Link } from "wouter";
import { showNumber, showValue } from "../../api/values";
import { shortExpression } from "../../components/picker/expressions";
import styles from "./Legend.module.css";
import { cursorText, ordered, pointsOf } from "./order";
import type { Line } from "./panels";
import type { Stage } from "./stage";
import type { Column, Sort } from "./state";

interface LegendProps {
  lines: readonly Line[];
  /** The expressions whose values the lines have. */
  groups: readonly string[];
  aggregated: boolean;
  shows: (line: Line) => boolean;
  sort: Sort | null;
  stage: Stage;
  xText: (x: number) => string;
  onSort: (sort: Sort | null) => void;
  onToggle: (line: Line) => void;
  onOnly: (line: Line) => void;
  onAll: (show: boolean) => void;
}

const ROW = 28;
// the titles, and room for a scroll bar
const HEAD = 46;
// these stand in columns of their own
const SHOWN = new Set(["run.hash", "run.name", "metric.name"]);

export const Legend = memo(function Legend(props: LegendProps) {
  const { lines, groups, shows, sort, stage, onAll } = props;
  const [open, setOpen] = useState(true);
  const hidden = useMemo(() => lines.filter((line) => !shows(line)).length, [lines, shows]);
  const columns = groups.filter(
    (one) => !SHOWN.has(one) && (props.aggregated || !one.startsWith("metric.context")),
  );
  const lastX = useLastX(stage, sort?.column === "cursor");
  const sorted = useMemo(() => ordered(lines, sort, groups, lastX), [lines, sort, groups, lastX]);
  return (
    <section className={styles.legend} aria-label="Legend">
      <header className={styles.head}>
        <h2>
          {lines.length.toLocaleString("en-US")} {props.aggregated ? "groups" : "curves"}
        </h2>
        {hidden > 0 && <span className={styles.quiet}>{hidden.toLocaleString("en-US")} hidden</span>}
        <button type="button" data-kind="quiet" onClick={() => onAll(true)} disabled={hidden === 0}>
          Show all
        </button>
        <button
          type="button"
          data-kind="quiet"
          onClick={() => onAll(false)}
          disabled={hidden === lines.length}
        >
          Hide all
        </button>
        <span className={styles.spring} />
        <button
          type="button"
          data-kind="quiet"
          aria-expanded={open}
          aria-label="Legend"
          onClick={() => setOpen(!open)}
        >
          {open ? <ChevronDown size={16} aria-hidden /> : <ChevronUp size={16} aria-hidden />}
        </button>
      </header>
      {open && <Table {...props} lines={sorted} columns={columns} />}
    </section>
  );
});

/** Where the cursor was last, from time to time, where that decides about the order. */
function useLastX(stage: Stage, matters: boolean): number | null {
  const [x, setX] = useState(stage.lastX);
  useEffect(() => {
    if (!matters) return;
    let timer = 0;
    const unwatch = stage.watch(() => {
      window.clearTimeout(timer);
      timer = window.setTimeout(() => setX(stage.lastX), 250);
    });
    return () => {
      window.clearTimeout(timer);
      unwatch();
    };
  }, [stage, matters]);
  return x;
}

function Table({
  lines,
  groups,
  columns,
  aggregated,
  shows,
  sort,
  stage,
  xText,
  onSort,
  onToggle,
  onOnly,
}: LegendProps & { columns: readonly string[] }) {
  const scroller = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLTableSectionElement>(null);
  const cursorHead = useRef<HTMLSpanElement>(null);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 10,
  });
  const rows = virtual.getVirtualItems();
  const byId = useMemo(() => new Map(lines.map((line) => [line.id, line])), [lines]);

  // the cursor moves with every picture: cells are written without React
  useEffect(() => {
    const write = () => {
      const { kin, line: chosen } = stage.attention;
      const x = stage.lastX;
      if (cursorHead.current) cursorHead.current.textContent = x === null ? "at cursor" : `at ${xText(x)}`;
      for (const row of body.current?.querySelectorAll<HTMLElement>("tr[data-line]") ?? []) {
        const line = byId.get(row.dataset.line ?? "");
        if (!line) continue;
        const cell = row.querySelector("[data-cursor]");
        if (cell) cell.textContent = cursorText(line, x);
        row.toggleAttribute("data-lit", line.kin === kin);
        row.toggleAttribute("data-chosen", line.id === chosen);
      }
    };
    write();
    return stage.watch(write);
  });

  const keyDown = (event: KeyboardEvent) => {
    const move = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const row = (event.target as HTMLElement).closest<HTMLElement>("tr[data-index]");
    if (move === 0 || row === null) return;
    event.preventDefault();
    const next = Math.min(Math.max(Number(row.dataset.index) + move, 0), lines.length - 1);
    virtual.scrollToIndex(next);
    requestAnimationFrame(() =>
      body.current?.querySelector<HTMLElement>(`tr[data-index="${next}"] button`)?.focus(),
    );
  };
  const head = (column: Column, title: string, numeric = false) => (
    <Head column={column} title={title} numeric={numeric} sort={sort} onSort={onSort} />
  );
  const before = rows[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (rows[rows.length - 1]?.end ?? 0);
  return (
    <div className={styles.scroller} ref={scroller} style={{ maxHeight: HEAD + lines.length * ROW }}>
      <table aria-rowcount={lines.length + 1}>
        <thead>
          <tr>
            <th>
              <span className="visually-hidden">Shown</span>
            </th>
            {head("run", aggregated ? "group" : "run")}
            {head("name", "metric")}
            {head("context", "context")}
            {columns.map((one) => (
              <Head
                key={one}
                column={`group:${one}`}
                title={shortExpression(one)}
                numeric={false}
                sort={sort}
                onSort={onSort}
              />
            ))}
            <Head column="cursor" title={<span ref={cursorHead} />} numeric sort={sort} onSort={onSort} />
            {head("min", "min", true)}
            {head("max", "max", true)}
            {head("last", "last", true)}
            {head("count", aggregated ? "curves" : "points", true)}
          </tr>
        </thead>
        <tbody ref={body} onKeyDown={keyDown} onPointerLeave={() => stage.leave()}>
          {before > 0 && <Space height={before} />}
          {rows.map(({ index }) => {
            const line = lines[index];
            return (
              line && (
                <Row
                  key={line.id}
                  line={line}
                  index={index}
                  shown={shows(line)}
                  columns={columns}
                  groups={groups}
                  aggregated={aggregated}
                  stage={stage}
                  onToggle={onToggle}
                  onOnly={onOnly}
                />
              )
            );
          })}
          {after > 0 && <Space height={after} />}
        </tbody>
      </table>
    </div>
  );
}

function Space({ height }: { height: number }) {
  return <tr aria-hidden style={{ height }} />;
}

interface HeadProps {
  column: Column;
  title: ReactNode;
  numeric: boolean;
  sort: Sort | null;
  onSort: (sort: Sort | null) => void;
}

function Head({ column, title, numeric, sort, onSort }: HeadProps) {
  const mine = sort?.column === column ? sort : null;
  const Arrow = mine?.descending ? ArrowDown : ArrowUp;
  // numbers are of interest from the highest or the lowest, texts from the first; the third click gives it up
  const next = () => {
    if (!mine) onSort({ column, descending: numeric });
    else if (mine.descending === numeric) onSort({ column, descending: !numeric });
    else onSort(null);
  };
  return (
    <th
      data-numeric={numeric || undefined}
      aria-sort={mine ? (mine.descending ? "descending" : "ascending") : "none"}
    >
      <button type="button" data-kind="quiet" onClick={next}>
        {title}
        {mine && <Arrow size={12} aria-hidden />}
      </button>
    </th>
  );
}

interface RowProps {
  line: Line;
  index: number;
  shown: boolean;
  columns: readonly string[];
  groups: readonly string[];
  aggregated: boolean;
  stage: Stage;
  onToggle: (line: Line) => void;
  onOnly: (line: Line) => void;
}

const Row = memo(function Row({
  line,
  index,
  shown,
  columns,
  groups,
  aggregated,
  stage,
  onToggle,
  onOnly,
}: RowProps) {
  const attend = () => stage.attend({ kin: shown ? line.kin : null, line: shown ? line.id : null });
  const first = line.of[0]?.curve;
  return (
    <tr
      data-line={line.id}
      data-index={index}
      data-off={!shown || undefined}
      aria-rowindex={index + 2}
      onPointerEnter={attend}
      onFocus={attend}
      onBlur={() => stage.leave()}
    >
      <td className={styles.mark}>
        <button
          type="button"
          data-kind="quiet"
          aria-pressed={shown}
          aria-label={`Show ${line.title} ${line.name} ${line.context}`}
          title="Click: show or hide. With Alt: only this one"
          onClick={(event) => (event.altKey ? onOnly(line) : onToggle(line))}
        >
          <svg width="26" height="10" aria-hidden>
            <line
              x1="1"
              x2="25"
              y1="5"
              y2="5"
              stroke={line.colour}
              strokeWidth="2.5"
              strokeDasharray={line.dash.join(" ")}
            />
          </svg>
        </button>
      </td>
      <td className={styles.title}>
        {aggregated || !first ? (
          <span title={line.title}>{line.title}</span>
        ) : (
          <Link href={`/run/${encodeURIComponent(first.run)}`} title={`${line.title} (${first.run})`}>
            {line.title}
          </Link>
        )}
        <button type="button" data-kind="quiet" className={styles.only} onClick={() => onOnly(line)}>
          only
        </button>
      </td>
      <td title={line.name}>{line.name}</td>
      <td title={line.context}>{line.context}</td>
      {columns.map((one) => {
        const text = showValue(line.groups[groups.indexOf(one)]);
        return (
          <td key={one} title={text}>
            {text}
          </td>
        );
      })}
      <td data-numeric data-cursor />
      <td data-numeric>{line.x.length > 0 && showNumber(line.summary.min)}</td>
      <td data-numeric>{line.x.length > 0 && showNumber(line.summary.max)}</td>
      <td data-numeric>{line.x.length > 0 && showNumber(line.summary.last)}</td>
      <td data-numeric title={`${pointsOf(line).toLocaleString("en-US")} points`}>
        {(aggregated ? line.of.length : pointsOf(line)).toLocaleString("en-US")}
      </td>
    </tr>
  );
});
