// What the reader does with the table, and what comes of it: in the address, in the widths, in the selection.

import type { Changes } from "../../address";
import { type Column, movedBy, movedTo, type Sorting, sortChanges } from "./columns";
import type { Edits } from "./edits";
import { added, NOTHING, type Selection, toggled, type Whole } from "./selection";
import type { TableHands } from "./Table";
import type { Listing } from "./useListing";
import { NARROWEST, WIDEST, type Widths } from "./widths";

interface HandsOptions {
  ids: readonly string[];
  pinned: readonly string[];
  sorting: Sorting;
  change: (changes: Changes, options?: { replace?: boolean }) => void;
  setIds: (ids: readonly string[]) => void;
  setPinned: (ids: readonly string[]) => void;
  setWidths: (next: (old: Widths) => Widths) => void;
  listing: Listing;
  /** The query of the runs, all of which were just selected: how many it has; null when others were. */
  setWhole: (whole: Whole | null) => void;
  query: string;
  setSelection: (next: Selection | ((old: Selection) => Selection)) => void;
  edits: Edits;
  navigate: (to: string) => void;
  scroller: { readonly current: HTMLElement | null };
}

/** As many runs as can be selected at once: more of them would only fill the memory. */
const MOST = 200_000;

export function handsOf(options: HandsOptions): TableHands & { toTop: () => void } {
  const { ids, pinned, sorting, change, setIds, setPinned, setWidths } = options;
  const { listing, setSelection, setWhole, query, edits, navigate, scroller } = options;

  const select = async (from: number, to: number, isWhole = false) => {
    try {
      const rows = await listing.rowsBetween(from, to);
      setSelection((old) => added(old, rows));
      setWhole(isWhole ? { query, count: rows.length } : null);
    } catch (error) {
      edits.say({ text: error instanceof Error ? error.message : String(error), isBad: true });
    }
  };
  /** A column among its kind: pinned ones change places with pinned ones. */
  const move = (id: string, moved: (list: readonly string[]) => string[]) => {
    if (pinned.includes(id)) setPinned(moved(pinned));
    else
      setIds([
        ...ids.filter((one) => pinned.includes(one)),
        ...moved(ids.filter((one) => !pinned.includes(one))),
      ]);
  };
  return {
    sort: (column) => change(sortChanges(sorting, column.order)),
    sortAs: (column, descending) => change({ order_by: column.order, descending: descending ? "1" : null }),
    group: (column) => change({ group: column.order }),
    pin: ({ id }, isPinned) => setPinned(isPinned ? [...pinned, id] : pinned.filter((one) => one !== id)),
    hide: ({ id }) => {
      setIds(ids.filter((one) => one !== id));
    },
    moveBy: ({ id }, places) => move(id, (list) => movedBy(list, id, places)),
    moveTo: (id, target) => {
      if (pinned.includes(id) === pinned.includes(target)) move(id, (list) => movedTo(list, id, target));
    },
    resizeBy: ({ id }: Column, pixels, now) =>
      setWidths((old) => ({
        ...old,
        [id]: Math.min(Math.max((old[id] ?? now) + pixels, NARROWEST), WIDEST),
      })),
    toggle: (row) => {
      setWhole(null);
      setSelection((old) => toggled(old, row));
    },
    selectBetween: (from, to) => void select(from, to),
    selectAll: (isSelected) => {
      if (!isSelected) return setSelection(NOTHING);
      const count = listing.layout.count;
      if (count > MOST)
        edits.say({ text: `The first ${MOST.toLocaleString("en-US")} are selected: no more at once.` });
      // those of open groups are not all that match
      void select(0, Math.min(count, MOST) - 1, !listing.groups && count === listing.answer?.total);
    },
    clear: () => setSelection(NOTHING),
    open: ({ hash }) => navigate(`/run/${encodeURIComponent(hash)}`),
    toTop: () => {
      listing.admit();
      scroller.current?.scrollTo({ top: 0 });
    },
  };
}
