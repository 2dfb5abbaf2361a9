// biome-ignore-all lint/a11y/useSemanticElements: a grid of virtual lines is no table to the browser
// biome-ignore-all lint/a11y/useFocusableInteractive: the grid has the focus and names its active line
// One line of the table: a run, or the head of a group.

import { ChevronDown, ChevronRight } from "lucide-react";
import { memo } from "react";
import type { Group } from "../../api/types";
import { showValue } from "../../api/values";
import { Cell, isRight } from "./Cells";
import type { Column } from "./columns";
import { type Geometry, type Placed, SELECT_WIDTH } from "./model";
import type { RunRow } from "./pages";
import styles from "./Table.module.css";

export const LINE = 32;

export function lineId(line: number): string {
  return `line-${line}`;
}

interface RunLineProps {
  line: number;
  top: number;
  row: RunRow | undefined;
  geometry: Geometry;
  /** The columns in the middle that are in view. */
  first: number;
  last: number;
  isSelected: boolean;
  isActive: boolean;
}

/** Drawn again only when something of it changes: scrolling moves lines in and out and leaves the others. */
export const RunLine = memo(function RunLine(props: RunLineProps) {
  const { line, top, row, geometry, first, last, isSelected, isActive } = props;
  const cell = (placed: Placed, number: number) => {
    const { column, left, width, isPinned } = placed;
    return (
      <div
        key={column.id}
        role="gridcell"
        aria-colindex={number}
        className={styles.cell}
        data-pinned={isPinned || undefined}
        data-right={(row && isRight(column, row)) || undefined}
        style={isPinned ? { left, width } : { position: "absolute", left, width }}
      >
        {row ? <Cell column={column} row={row} /> : <span className={styles.pending} />}
      </div>
    );
  };
  return (
    <div
      role="row"
      id={lineId(line)}
      aria-rowindex={line + 2}
      aria-selected={isSelected}
      data-line={line}
      data-active={isActive || undefined}
      data-status={row?.status}
      data-archived={row?.archived || undefined}
      className={styles.line}
      style={{ top, width: geometry.width, height: LINE }}
    >
      <div
        role="gridcell"
        aria-colindex={1}
        className={styles.cell}
        data-pinned
        style={{ left: 0, width: SELECT_WIDTH }}
      >
        <input
          type="checkbox"
          tabIndex={-1}
          checked={isSelected}
          readOnly
          disabled={!row}
          aria-label={`Select ${row?.name ?? row?.hash ?? "this run"}`}
        />
      </div>
      {geometry.pinned.map((placed, place) => cell(placed, place + 2))}
      {geometry.middle
        .slice(first, last + 1)
        .map((placed, place) => cell(placed, geometry.pinned.length + first + place + 2))}
    </div>
  );
});

interface GroupLineProps {
  line: number;
  top: number;
  group: Group;
  by: Column;
  isOpen: boolean;
  isActive: boolean;
  geometry: Geometry;
}

export function GroupLine({ line, top, group, by, isOpen, isActive, geometry }: GroupLineProps) {
  const value =
    group.value === null ? "missing, or None" : group.value === "" ? '""' : showValue(group.value);
  const Icon = isOpen ? ChevronDown : ChevronRight;
  return (
    <div
      role="row"
      id={lineId(line)}
      aria-rowindex={line + 2}
      aria-expanded={isOpen}
      data-line={line}
      data-active={isActive || undefined}
      className={styles.group}
      style={{ top, width: geometry.width, height: LINE }}
    >
      <div role="gridcell" className={styles.groupHead} title={`${by.title} = ${value.slice(0, 2000)}`}>
        <Icon size={16} aria-hidden />
        <span className={styles.groupBy}>{by.title}</span>
        <span className={group.value === null ? styles.missing : styles.groupValue}>
          {value.slice(0, 300)}
        </span>
        <span className={styles.groupCount}>
          {group.count.toLocaleString("en-US")} {group.count === 1 ? "run" : "runs"}
        </span>
      </div>
    </div>
  );
}
