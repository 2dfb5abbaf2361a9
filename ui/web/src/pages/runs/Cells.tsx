// What stands in one cell.

import { memo } from "react";
import { Link } from "wouter";
import type { Status, Tagged } from "../../api/types";
import { asNumber, showAge, showDuration, showTime, showValue } from "../../api/values";
import type { Column } from "./columns";
import { useNow } from "./news";
import type { RunRow } from "./pages";
import styles from "./Table.module.css";

const SHOWN = 300;
const IN_TITLE = 2000;

/** As much of a text as is of use in one line. */
function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

export function Value({ value }: { value: Tagged | undefined }) {
  if (value === undefined) return <span className={styles.pending} />;
  if (value === null)
    return (
      <span className={styles.missing} title="Missing, or None" role="img" aria-label="missing">
        –
      </span>
    );
  const number = asNumber(value);
  const text = showValue(value);
  if (number !== null) {
    const isOdd = !Number.isFinite(number);
    return (
      <span
        className={isOdd ? styles.odd : undefined}
        title={isOdd ? "Not a finite number" : typeof value === "number" ? String(value) : text}
      >
        {text}
      </span>
    );
  }
  if (text === "") return <span className={styles.missing}>""</span>;
  return <span title={cut(text, IN_TITLE)}>{cut(text, SHOWN)}</span>;
}

const STATUS: { [status in Status]: string } = {
  running: "It is being written",
  finished: "It was closed",
  crashed: "Its process is gone, and has not closed it",
};

export function StatusMark({ status, archived }: { status: Status; archived: boolean }) {
  return (
    <span className={styles.status} data-status={status} title={STATUS[status]}>
      {status}
      {archived && <span className={styles.archived}>archived</span>}
    </span>
  );
}

function Counting({ since }: { since: number }) {
  const seconds = Math.max(Math.floor(useNow() - since), 0);
  // whole seconds, for that is how often it counts
  return <span className={styles.counting}>{seconds < 60 ? `${seconds} s` : showDuration(seconds)}</span>;
}

function Duration({ row }: { row: RunRow }) {
  if (row.status === "running") return <Counting since={row.created} />;
  if (row.ended === null)
    return (
      <span className={styles.missing} title="Its end was not recorded">
        –
      </span>
    );
  return <span>{showDuration(row.ended - row.created)}</span>;
}

function Tags({ tags }: { tags: readonly string[] }) {
  return (
    <span className={styles.tags} title={cut(tags.join(", "), IN_TITLE)}>
      {tags.slice(0, 12).map((tag) => (
        <span key={tag} className={styles.tag}>
          {cut(tag, 60)}
        </span>
      ))}
      {tags.length > 12 && `+${tags.length - 12}`}
    </span>
  );
}

function inside(column: Column, row: RunRow) {
  switch (column.id) {
    case "status":
      return <StatusMark status={row.status} archived={row.archived} />;
    case "name":
      return (
        <Link
          href={`/run/${encodeURIComponent(row.hash)}`}
          tabIndex={-1}
          title={cut(row.name ?? row.hash, IN_TITLE)}
        >
          {row.name?.trim() ? cut(row.name, SHOWN) : <code>{row.hash.slice(0, 12)}</code>}
        </Link>
      );
    case "experiment":
      return <Value value={row.experiment} />;
    case "created":
      return (
        <span title={`${showTime(row.created)}, ${showAge(row.created)}`}>
          {showTime(row.created).slice(0, 16)}
        </span>
      );
    case "duration":
      return <Duration row={row} />;
    case "tags":
      return <Tags tags={row.tags} />;
    default:
      return <Value value={row.values.get(column.id)} />;
  }
}

/** Whether what stands in a column is put to the right, as numbers are. */
export function isRight(column: Column, row: RunRow): boolean {
  if (column.expression === null) return column.id === "duration";
  const value = row.values.get(column.id);
  return value === null || asNumber(value) !== null;
}

export const Cell = memo(function Cell({ column, row }: { column: Column; row: RunRow }) {
  return inside(column, row);
});
