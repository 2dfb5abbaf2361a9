// All runs, or those that match: a table that stays quick with a hundred thousand, and current while they are written.

import { useQueryClient } from "@tanstack/react-query";
import { ArrowUp, RotateCcw } from "lucide-react";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useLocation } from "wouter";
import { useAddress } from "../address";
import { ApiError } from "../api/client";
import { QueryBar } from "../components/QueryBar";
import { useNames, useProject } from "../components/query/names";
import { Empty, Loading } from "../components/States";
import { BadColumns, useBadExpressions } from "./runs/BadColumns";
import { Chooser } from "./runs/Chooser";
import {
  columnChanges,
  columnIds,
  columnOf,
  defaultExpressions,
  pinChanges,
  pinnedIds,
  sortingOf,
} from "./runs/columns";
import { differsIn } from "./runs/difference";
import { Export } from "./runs/Export";
import { useEdits } from "./runs/edits";
import { GroupBy } from "./runs/GroupBy";
import { handsOf } from "./runs/hands";
import { useColumnModel } from "./runs/model";
import styles from "./runs/Runs.module.css";
import { SelectionBar } from "./runs/SelectionBar";
import { SideBySide } from "./runs/SideBySide";
import { edited, NOTHING, refreshed, type Selection, type Whole } from "./runs/selection";
import { Table } from "./runs/Table";
import { Toast } from "./runs/Toast";
import { type Listing, useListing } from "./runs/useListing";
import { useWidths } from "./runs/widths";

const NO_NAMES: readonly string[] = [];
const NONE: ReadonlySet<string> = new Set();

export default function Runs() {
  const names = useNames();
  const [parameters] = useAddress();
  // which columns to show is decided once: a column that came by itself would move the others under the reader
  const [byDefault, setByDefault] = useState<string[] | null>(null);
  useEffect(() => {
    if (!names.data || (byDefault !== null && byDefault.length > 0)) return;
    const found = defaultExpressions(names.data);
    if (byDefault === null || found.length > 0) setByDefault(found);
  }, [names.data, byDefault]);
  useEffect(() => {
    if (names.isError) setByDefault((kept) => kept ?? []);
  }, [names.isError]);
  // an address that names its columns need not wait for what there is
  if (byDefault === null && !parameters.has("c")) return <Loading what="the runs" />;
  return <Page byDefault={byDefault ?? NO_NAMES} />;
}

function Page({ byDefault }: { byDefault: readonly string[] }) {
  const [parameters, change] = useAddress();
  const [, navigate] = useLocation();
  const client = useQueryClient();
  const names = useNames().data;
  const project = useProject();
  const [widths, setWidths] = useWidths();
  const [room, setRoom] = useState(0);
  const [selection, setSelection] = useState<Selection>(NOTHING);
  const [whole, setWhole] = useState<Whole | null>(null);
  const [isSideBySide, setSideBySide] = useState(false);
  const [onlyDiffering, setOnlyDiffering] = useState(false);

  const query = parameters.get("q") ?? "";
  const by = parameters.get("group");
  const sorting = useMemo(() => sortingOf(parameters), [parameters]);
  const ids = useMemo(() => columnIds(parameters, byDefault), [parameters, byDefault]);
  const pinned = useMemo(() => pinnedIds(parameters), [parameters]);
  const columns = useMemo(() => ids.map(columnOf), [ids]);
  const expressions = useMemo(() => columns.flatMap(({ expression }) => expression ?? []), [columns]);
  const listing = useListing({ query, ...sorting, expressions, by });

  const { refresh, layout } = listing;
  const edits = useEdits(
    useCallback(
      (done, edit) => {
        setSelection((old) => edited(old, done, edit));
        setWhole(null); // it may be another query that they match now
        refresh();
        void client.invalidateQueries({ queryKey: ["side by side"] });
        void client.invalidateQueries({ queryKey: ["names"] });
      },
      [refresh, client],
    ),
  );
  const hidden = useMemo(() => {
    if (!onlyDiffering || selection.size < 2) return NONE;
    const rows = [...selection.values()];
    return new Set(columns.filter((column) => !differsIn(column, rows)).map(({ id }) => id));
  }, [onlyDiffering, selection, columns]);
  const { table, geometry } = useColumnModel({ columns, pinned, hidden, widths, setWidths, room });

  const setIds = useCallback(
    (next: readonly string[] | null) =>
      change(next === null ? { c: null, pin: null } : columnChanges(next, byDefault)),
    [change, byDefault],
  );
  const setPinned = useCallback((next: readonly string[]) => change(pinChanges(next)), [change]);
  const scroller = useRef<HTMLDivElement>(null);
  const hands = handsOf({
    ...{ ids, pinned, sorting, change, setIds, setPinned, setWidths },
    ...{ query, listing, setSelection, setWhole, edits, navigate, scroller },
  });
  // another question is read from its beginning
  // biome-ignore lint/correctness/useExhaustiveDependencies: what makes it another
  useLayoutEffect(() => {
    scroller.current?.scrollTo({ top: 0 });
  }, [query, sorting.order, sorting.descending, by]);

  useSelectionRefresh(listing, setSelection);

  const asked = [
    ...expressions,
    ...(sorting.order === null ? [] : [sorting.order]),
    ...(by === null ? [] : [by]),
  ];
  const bad = useBadExpressions(listing.error, query, asked);
  const takeOut = (expression: string) =>
    change({
      ...(ids.includes(expression)
        ? columnChanges(
            ids.filter((id) => id !== expression),
            byDefault,
          )
        : {}),
      ...(expression === sorting.order ? { order_by: null, descending: null } : {}),
      ...(expression === by ? { group: null } : {}),
    });
  const isEmpty = layout.count === 0 && listing.answer !== undefined && !listing.isOld;
  const hasSideBySide = isSideBySide && selection.size >= 2;
  return (
    <div className={styles.page}>
      <QueryBar
        kind="runs"
        unit="runs"
        value={query}
        onSubmit={(q) => (q === query ? refresh() : change({ q }))}
        answer={listing.error == null ? listing.answer : undefined}
        error={bad.length > 0 ? undefined : (listing.error ?? undefined)}
        isLoading={listing.isLoading}
      />
      <BadColumns bad={bad} takeOut={takeOut} />
      <div className={styles.tools} role="toolbar" aria-label="The table">
        <Chooser ids={ids} pinned={pinned} names={names} setIds={setIds} setPinned={setPinned} />
        <GroupBy by={by} names={names} setBy={(group) => change({ group })} />
        <button
          type="button"
          aria-pressed={onlyDiffering && selection.size >= 2}
          disabled={selection.size < 2}
          title={
            selection.size < 2
              ? "Select two or more runs to see only the columns in which they differ"
              : "Only the columns in which the selected runs differ"
          }
          onClick={() => setOnlyDiffering(!onlyDiffering)}
        >
          Only differences
        </button>
        <Export query={query} {...sorting} expressions={expressions} />
        {listing.groups && (
          <span className={styles.small}>
            {listing.groups.groups.length.toLocaleString("en-US")} groups
            {listing.groups.more
              ? `, the largest; ${listing.groups.more.toLocaleString("en-US")} others`
              : ""}
          </span>
        )}
        <span className={styles.spring} />
        {listing.waiting > 0 && (
          <button type="button" className={styles.pill} onClick={hands.toTop}>
            <ArrowUp size={14} aria-hidden />
            {listing.waiting.toLocaleString("en-US")} new {listing.waiting === 1 ? "run" : "runs"}
          </button>
        )}
      </div>
      {isEmpty ? (
        <NoRuns listing={listing} isAsking={query !== ""} showAll={() => change({ q: null })} />
      ) : layout.count === 0 ? (
        <Nothing listing={listing} />
      ) : (
        <Table
          listing={listing}
          model={table}
          geometry={geometry}
          sorting={sorting}
          by={by}
          selection={selection}
          hands={hands}
          setRoom={setRoom}
          scroller={scroller}
        />
      )}
      {hasSideBySide && (
        <SideBySide
          selection={selection}
          close={() => setSideBySide(false)}
          setColumns={(more) => setIds([...ids.filter((id) => columnOf(id).expression === null), ...more])}
        />
      )}
      {selection.size > 0 && (
        <SelectionBar
          selection={selection}
          whole={whole}
          clear={() => setSelection(NOTHING)}
          edits={edits}
          isReadOnly={project?.read_only ?? true}
          isSideBySide={hasSideBySide}
          setSideBySide={setSideBySide}
        />
      )}
      {edits.notice && <Toast notice={edits.notice} dismiss={edits.dismiss} />}
    </div>
  );
}

/** What is known of the selected runs is kept up to date by the rows that come. */
function useSelectionRefresh(
  { answer, rowsHere }: Listing,
  setSelection: (next: (old: Selection) => Selection) => void,
): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows come with answers
  useEffect(() => {
    setSelection((old) => (old.size === 0 ? old : refreshed(old, rowsHere())));
  }, [answer, setSelection]);
}

function Nothing({ listing }: { listing: Listing }) {
  if (listing.error == null) return <Loading what="the runs" />;
  const isQuery = listing.error instanceof ApiError && listing.error.status === 400;
  return (
    <Empty title={isQuery ? "That could not be asked" : "There is no answer"}>
      {isQuery ? (
        <p>What is wrong is said above.</p>
      ) : (
        <button type="button" onClick={listing.refresh}>
          <RotateCcw size={14} aria-hidden />
          Ask again
        </button>
      )}
    </Empty>
  );
}

const SAMPLE = `from runstone import Run

run = Run(experiment="first")
run["lr"] = 0.01
for step in range(100):
    run.track(1 / (step + 1), name="loss", step=step)
run.close()`;

function NoRuns({
  listing,
  isAsking,
  showAll,
}: {
  listing: Listing;
  isAsking: boolean;
  showAll: () => void;
}) {
  if ((listing.answer?.of ?? 0) > 0 && isAsking)
    return (
      <Empty title="No run matches">
        <button type="button" onClick={showAll}>
          Show all runs
        </button>
      </Empty>
    );
  if ((listing.answer?.of ?? 0) > 0)
    return (
      <Empty title="All runs are archived">
        <p>
          The query <code>run.archived</code> shows them.
        </p>
      </Empty>
    );
  return (
    <Empty title="No runs yet">
      <p>A script that writes here will appear by itself:</p>
      <pre className={styles.sample}>{SAMPLE}</pre>
    </Empty>
  );
}
