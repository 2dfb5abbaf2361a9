// Where each column stands: which are pinned, in what order the others follow, and how wide they are.

import {
  columnPinningFeature,
  columnResizingFeature,
  columnSizingFeature,
  columnVisibilityFeature,
  type Column as ModelColumn,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { useMemo } from "react";
import type { Column } from "./columns";
import type { RunRow } from "./pages";
import { NARROWEST, WIDEST, type Widths } from "./widths";

const features = tableFeatures({
  columnSizingFeature,
  columnResizingFeature,
  columnPinningFeature,
  columnVisibilityFeature,
});

/** The rows are virtual and come from elsewhere: the model is one of columns. */
const NO_ROWS: RunRow[] = [];
export const SELECT_WIDTH = 36;
/** Below this width only the name stays in place, and takes no more than a part of it. */
const NARROW = 640;

export interface Placed {
  column: Column;
  /** From the left: of the table for those in the middle, of the view for pinned ones. */
  left: number;
  width: number;
  isPinned: boolean;
}

export interface Geometry {
  pinned: readonly Placed[];
  middle: readonly Placed[];
  /** How much of the left is always covered. */
  covered: number;
  width: number;
}

export interface ModelOptions {
  columns: readonly Column[];
  pinned: readonly string[];
  hidden: ReadonlySet<string>;
  widths: Widths;
  setWidths: (next: Widths | ((old: Widths) => Widths)) => void;
  /** The width of the view. */
  room: number;
}

export function useColumnModel({ columns, pinned, hidden, widths, setWidths, room }: ModelOptions) {
  const definitions = useMemo(
    () =>
      columns.map(({ id, title, size }) => ({
        id,
        header: title,
        size,
        minSize: NARROWEST,
        maxSize: WIDEST,
      })),
    [columns],
  );
  const isNarrow = room > 0 && room < NARROW;
  const sizes = useMemo(() => {
    const most = Math.max(Math.floor(room * 0.42), NARROWEST);
    const name = widths.name ?? columns.find(({ id }) => id === "name")?.size ?? most;
    return isNarrow && pinned.includes("name") ? { ...widths, name: Math.min(name, most) } : widths;
  }, [widths, columns, pinned, isNarrow, room]);
  const start = useMemo(() => pinned.filter((id) => !isNarrow || id === "name"), [pinned, isNarrow]);
  const visibility = useMemo(() => Object.fromEntries([...hidden].map((id) => [id, false])), [hidden]);
  const table = useTable({
    features,
    columns: definitions,
    data: NO_ROWS,
    columnResizeMode: "onChange",
    state: { columnSizing: sizes, columnPinning: { start, end: [] }, columnVisibility: visibility },
    onColumnSizingChange: setWidths,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: what the model's answers depend on
  const geometry = useMemo((): Geometry => {
    const known = new Map(columns.map((column) => [column.id, column]));
    const placed = (
      list: readonly ModelColumn<typeof features, RunRow>[],
      from: number,
      isPinned: boolean,
    ) => {
      let left = from;
      return list.flatMap((one): Placed[] => {
        const column = known.get(one.id);
        if (column === undefined) return [];
        const here = { column, left, width: one.getSize(), isPinned };
        left += here.width;
        return [here];
      });
    };
    const end = (list: readonly Placed[], from: number) => list.reduce((sum, { width }) => sum + width, from);
    const first = placed(table.getStartVisibleLeafColumns(), SELECT_WIDTH, true);
    const covered = end(first, SELECT_WIDTH);
    const middle = placed(table.getCenterVisibleLeafColumns(), covered, false);
    return { pinned: first, middle, covered, width: end(middle, covered) };
  }, [table, columns, start, visibility, sizes]);
  return { table, geometry };
}

export type ColumnModel = ReturnType<typeof useColumnModel>["table"];
