// biome-ignore-all lint/a11y/useSemanticElements: a grid of virtual lines is no table to the browser
// biome-ignore-all lint/a11y/useFocusableInteractive: the grid has the focus and names its active line
// The table: of any number of runs, only the lines in view are there.

import { useVirtualizer } from "@tanstack/react-virtual";
import {
  type KeyboardEvent,
  type MouseEvent,
  type RefObject,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { isRight } from "./Cells";
import { columnOf, type Sorting } from "./columns";
import { type ColumnHands, Header } from "./Header";
import { GroupLine, LINE, lineId, RunLine } from "./Line";
import { type ColumnModel, type Geometry, type Placed, SELECT_WIDTH } from "./model";
import type { RunRow } from "./pages";
import type { Selection } from "./selection";
import styles from "./Table.module.css";
import type { Listing } from "./useListing";

const HEAD = 34;

export interface TableHands extends ColumnHands {
  toggle: (row: RunRow) => void;
  /** Selects all runs between two lines. */
  selectBetween: (from: number, to: number) => void;
  selectAll: (isSelected: boolean) => void;
  clear: () => void;
  open: (row: RunRow) => void;
}

interface TableProps {
  listing: Listing;
  model: ColumnModel;
  geometry: Geometry;
  sorting: Sorting;
  by: string | null;
  selection: Selection;
  hands: TableHands;
  setRoom: (width: number) => void;
  scroller: RefObject<HTMLDivElement | null>;
}

export function Table({
  listing,
  model,
  geometry,
  sorting,
  by,
  selection,
  hands,
  setRoom,
  scroller,
}: TableProps) {
  const { layout } = listing;
  const [active, setActive] = useState(0);
  const [anchor, setAnchor] = useState(0);
  const [stop, setStop] = useState("name");
  const group = useMemo(() => (by === null ? null : columnOf(by)), [by]);

  const lines = useVirtualizer({
    count: layout.count,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE,
    overscan: 8,
    scrollMargin: HEAD,
    scrollPaddingStart: HEAD,
  });
  const shown = lines.getVirtualItems();
  const [firstLine, lastLine] = [shown[0]?.index ?? 0, shown.at(-1)?.index ?? 0];
  const range = useMiddle(geometry, scroller);

  useEffect(() => {
    listing.want(firstLine, lastLine);
    listing.setAtTop((lines.scrollOffset ?? 0) < LINE);
  });
  const keepInView = useRef(() => {});
  keepInView.current = () => lines.scrollToIndex(Math.min(active, layout.count - 1));
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => {
      setRoom(element.clientWidth);
      // what appears below must not cover the line on which the reader is
      if (document.activeElement === element) keepInView.current();
    });
    observer.observe(element);
    setRoom(element.clientWidth);
    return () => observer.disconnect();
  }, [setRoom, scroller]);

  const go = (line: number) => {
    const next = Math.min(Math.max(line, 0), layout.count - 1);
    setActive(next);
    lines.scrollToIndex(next);
    return next;
  };
  const page = Math.max(Math.floor((scroller.current?.clientHeight ?? 400) / LINE) - 2, 1);

  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    if (event.target !== event.currentTarget) return;
    const steps = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -active,
      End: layout.count,
    };
    const step = event.key in steps ? steps[event.key as keyof typeof steps] : null;
    const at = layout.count > 0 ? layout.at(Math.min(active, layout.count - 1)) : null;
    const row = at && listing.rowAt(active);
    if (step !== null) {
      const next = go(active + step);
      if (event.shiftKey) hands.selectBetween(anchor, next);
      else setAnchor(next);
    } else if (event.key === " " || event.key === "Enter") {
      if (at?.kind === "group") listing.fold(at.group);
      else if (row && event.key === "Enter") hands.open(row);
      else if (row) {
        hands.toggle(row);
        setAnchor(active);
      }
    } else if (at?.kind === "group" && (event.key === "ArrowRight" || event.key === "ArrowLeft")) {
      if (listing.isOpen(at.group) !== (event.key === "ArrowRight")) listing.fold(at.group);
    } else if (event.key === "ArrowRight" || event.key === "ArrowLeft")
      scroller.current?.scrollBy({ left: event.key === "ArrowRight" ? 120 : -120 });
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) hands.selectAll(true);
    else if (event.key === "Escape") hands.clear();
    else return;
    event.preventDefault();
  };

  const onClick = (event: MouseEvent<HTMLDivElement>) => {
    const target = event.target as HTMLElement;
    const line = Number(target.closest<HTMLElement>("[data-line]")?.dataset.line ?? Number.NaN);
    if (Number.isNaN(line) || target.closest("a")) return;
    const at = layout.at(line);
    setActive(line);
    if (at.kind === "group") return listing.fold(at.group);
    const row = listing.rowAt(line);
    const isBox = target.closest("input") !== null || target.closest("[aria-colindex='1']") !== null;
    if (event.shiftKey) hands.selectBetween(anchor, line);
    else {
      setAnchor(line);
      if (row && (isBox || event.ctrlKey || event.metaKey)) hands.toggle(row);
    }
    scroller.current?.focus({ preventScroll: true });
  };
  // a column is one of numbers if most of what is in view are
  const sample = shown.flatMap(({ index }) => (index < layout.count ? (listing.rowAt(index) ?? []) : []));
  const isOver = ({ column }: Placed) => {
    const right = sample.filter((row) => isRight(column, row)).length;
    return right > 0 && right * 2 >= sample.length;
  };
  const head = (placed: Placed, number: number) => (
    <Header
      key={placed.column.id}
      placed={placed}
      number={number}
      sorting={sorting}
      model={model}
      hands={hands}
      isRight={isOver(placed)}
      isStop={placed.column.id === stop}
      onFocus={() => setStop(placed.column.id)}
    />
  );
  const isAll = layout.count > 0 && selection.size > 0 && selection.size >= (listing.answer?.total ?? 0);
  return (
    <div
      ref={scroller}
      role="grid"
      aria-label="Runs"
      aria-multiselectable
      aria-rowcount={layout.count + 1}
      aria-colcount={geometry.pinned.length + geometry.middle.length + 1}
      aria-activedescendant={active >= firstLine && active <= lastLine ? lineId(active) : undefined}
      aria-busy={listing.isOld}
      tabIndex={0}
      className={styles.scroller}
      data-old={listing.isOld || undefined}
      onKeyDown={onKeyDown}
      onClick={onClick}
      onMouseDown={(event) => event.shiftKey && event.preventDefault()}
    >
      <div
        role="row"
        aria-rowindex={1}
        className={styles.heads}
        style={{ width: geometry.width, height: HEAD }}
      >
        <div
          role="columnheader"
          aria-colindex={1}
          className={styles.head}
          data-pinned
          style={{ left: 0, width: SELECT_WIDTH }}
        >
          <input
            type="checkbox"
            aria-label="Select all that match"
            title="Select all that match"
            checked={isAll}
            ref={(box) => {
              if (box) box.indeterminate = !isAll && selection.size > 0;
            }}
            onChange={() => hands.selectAll(!isAll && selection.size === 0)}
          />
        </div>
        {geometry.pinned.map((placed, place) => head(placed, place + 2))}
        {geometry.middle.map((placed, place) => head(placed, geometry.pinned.length + place + 2))}
      </div>
      <div
        className={styles.body}
        role="presentation"
        style={{ width: geometry.width, height: layout.count * LINE }}
      >
        {shown.map(({ index }) => {
          if (index >= layout.count) return null;
          const at = layout.at(index);
          const common = { line: index, top: index * LINE, geometry, isActive: index === active };
          if (at.kind === "group") {
            const found = listing.groups?.groups[at.group];
            if (!found || group === null) return null;
            return (
              <GroupLine key={index} {...common} group={found} by={group} isOpen={listing.isOpen(at.group)} />
            );
          }
          const row = listing.rowAt(index);
          return (
            <RunLine
              key={index}
              {...common}
              row={row}
              first={range.first}
              last={range.last}
              isSelected={row !== undefined && selection.has(row.hash)}
            />
          );
        })}
      </div>
    </div>
  );
}

/** Which of the columns in the middle are in view. */
function useMiddle({ middle, covered }: Geometry, scroller: { readonly current: HTMLDivElement | null }) {
  const columns = useVirtualizer({
    horizontal: true,
    count: middle.length,
    getScrollElement: () => scroller.current,
    estimateSize: (place) => middle[place]?.width ?? 0,
    paddingStart: covered,
    overscan: 2,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: with other widths everything stands elsewhere
  useLayoutEffect(() => columns.measure(), [middle, covered]);
  const shown = columns.getVirtualItems();
  return { first: shown[0]?.index ?? 0, last: shown.at(-1)?.index ?? -1 };
}
