// biome-ignore-all lint/a11y/useSemanticElements: a grid of virtual lines is no table to the browser
// biome-ignore-all lint/a11y/useFocusableInteractive: the grid has the focus and names its active line
// The head of a column: its name, which puts the runs in order; a menu; and an edge to pull.

import {
  ArrowDown,
  ArrowDownNarrowWide,
  ArrowLeft,
  ArrowRight,
  ArrowUp,
  ArrowUpNarrowWide,
  EllipsisVertical,
  EyeOff,
  Group as GroupIcon,
  MoveHorizontal,
  Pin,
  PinOff,
} from "lucide-react";
import { type DragEvent, type KeyboardEvent, useState } from "react";
import { Popover } from "../../components/popover/Popover";
import type { Column, Sorting } from "./columns";
import type { ColumnModel, Placed } from "./model";
import styles from "./Table.module.css";

/** What a reader can do with a column. */
export interface ColumnHands {
  sort: (column: Column) => void;
  sortAs: (column: Column, descending: boolean) => void;
  group: (column: Column) => void;
  pin: (column: Column, isPinned: boolean) => void;
  hide: (column: Column) => void;
  moveBy: (column: Column, places: number) => void;
  moveTo: (id: string, target: string) => void;
  resizeBy: (column: Column, pixels: number, now: number) => void;
}

interface HeaderProps {
  placed: Placed;
  number: number;
  sorting: Sorting;
  model: ColumnModel;
  hands: ColumnHands;
  /** Whether it stands over numbers. */
  isRight: boolean;
  /** Whether Tab leads here: to one head of all. */
  isStop: boolean;
  onFocus: () => void;
}

const TYPE = "application/x-runstone-column";
const STEP = 16;

export function Header({ placed, number, sorting, model, hands, isRight, isStop, onFocus }: HeaderProps) {
  const { column, left, width, isPinned } = placed;
  const [isTarget, setIsTarget] = useState(false);
  const isSorted = sorting.order === column.order;
  const Arrow = sorting.descending ? ArrowDown : ArrowUp;
  const resize = model
    .getLeafHeaders()
    .find((header) => header.column.id === column.id)
    ?.getResizeHandler();

  const onKeyDown = (event: KeyboardEvent<HTMLButtonElement>) => {
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (direction !== undefined && event.altKey && event.shiftKey) hands.moveBy(column, direction);
    else if (direction !== undefined && event.altKey) hands.resizeBy(column, direction * STEP, width);
    else if (direction !== undefined) neighbour(event.currentTarget, direction)?.focus();
    else if (event.key === "ArrowDown")
      event.currentTarget.parentElement?.querySelector<HTMLElement>("[popovertarget]")?.click();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const drop = {
    onDragOver: (event: DragEvent) => {
      if (!event.dataTransfer.types.includes(TYPE)) return;
      event.preventDefault();
      setIsTarget(true);
    },
    onDragLeave: () => setIsTarget(false),
    onDrop: (event: DragEvent) => {
      event.preventDefault();
      setIsTarget(false);
      hands.moveTo(event.dataTransfer.getData(TYPE), column.id);
    },
  };
  return (
    <div
      role="columnheader"
      aria-colindex={number}
      aria-sort={!isSorted ? "none" : sorting.descending ? "descending" : "ascending"}
      className={styles.head}
      data-pinned={isPinned || undefined}
      data-right={isRight || undefined}
      data-target={isTarget || undefined}
      style={isPinned ? { left, width } : { position: "absolute", left, width }}
      {...drop}
    >
      <button
        type="button"
        className={styles.headName}
        title={`${column.expression ?? column.title}\nPress to sort. Alt with ← or → makes it narrower or wider, with Shift moves it; ↓ opens its menu`}
        aria-label={`${column.title}, sort`}
        tabIndex={isStop ? 0 : -1}
        data-head
        draggable
        onDragStart={(event) => {
          event.dataTransfer.setData(TYPE, column.id);
          event.dataTransfer.effectAllowed = "move";
        }}
        onClick={() => hands.sort(column)}
        onKeyDown={onKeyDown}
        onFocus={onFocus}
      >
        <Title text={column.title} />
        {isSorted && <Arrow size={13} aria-hidden />}
      </button>
      <Popover
        label={`What can be done with ${column.title}`}
        button={<EllipsisVertical size={14} aria-hidden />}
        quiet
        menu
        tabIndex={-1}
        className={styles.headMenu}
      >
        {(close) => <ColumnMenu placed={placed} hands={hands} close={close} />}
      </Popover>
      {/* for pointers; keys do the same on the name, and the menu */}
      <span
        className={styles.edge}
        onMouseDown={(event) => {
          event.preventDefault(); // else a quick pull drags the head that has come under the pointer
          resize?.(event);
        }}
        onTouchStart={resize}
        aria-hidden
      />
    </div>
  );
}

/** A title of which the last part stays in view the longest: of `hparams.optimizer.lr` that is `lr`. */
function Title({ text }: { text: string }) {
  const [, path = "", leaf = text] = /^((?:[\w ]+\.)+)([\w ]+)$/.exec(text) ?? [];
  return (
    <>
      {path && <span className={styles.headPath}>{path}</span>}
      <span className={styles.headText}>{leaf}</span>
    </>
  );
}

function neighbour(button: HTMLElement, direction: number): HTMLElement | undefined {
  const all = [...(button.closest("[role=row]")?.querySelectorAll<HTMLElement>("[data-head]") ?? [])];
  return all[all.indexOf(button) + direction];
}

function ColumnMenu({ placed, hands, close }: { placed: Placed; hands: ColumnHands; close: () => void }) {
  const { column, isPinned, width } = placed;
  const item = (text: string, Icon: typeof Pin, act: () => void, stays = false) => (
    <button
      type="button"
      role="menuitem"
      onClick={() => {
        if (!stays) close();
        act();
      }}
    >
      <Icon size={14} aria-hidden />
      {text}
    </button>
  );
  return (
    <>
      {item("Smallest first", ArrowUpNarrowWide, () => hands.sortAs(column, false))}
      {item("Largest first", ArrowDownNarrowWide, () => hands.sortAs(column, true))}
      {item("Group by it", GroupIcon, () => hands.group(column))}
      {isPinned
        ? item("Let it scroll", PinOff, () => hands.pin(column, false))
        : item("Pin to the left", Pin, () => hands.pin(column, true))}
      {item("Move left", ArrowLeft, () => hands.moveBy(column, -1), true)}
      {item("Move right", ArrowRight, () => hands.moveBy(column, 1), true)}
      {item("Wider", MoveHorizontal, () => hands.resizeBy(column, 3 * STEP, width), true)}
      {item("Narrower", MoveHorizontal, () => hands.resizeBy(column, -3 * STEP, width), true)}
      {column.id !== "name" && item("Hide", EyeOff, () => hands.hide(column))}
    </>
  );
}
