// The answer: charts, and the legend beneath them.

import { FileSpreadsheet, Maximize } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Names } from "../../api/types";
import { Empty } from "../../components/States";
import { DASHES } from "../../palette";
import { useTheme } from "../../theme";
import { Charts } from "./Charts";
import { asCsv } from "./csv";
import { Legend } from "./Legend";
import styles from "./Metrics.module.css";
import { Pager } from "./Pager";
import { groupColumns, type Line, type Panels, panelsOf } from "./panels";
import { fileName, save } from "./picture";
import { xExtent } from "./ranges";
import { seriesOf } from "./series";
import { Stage } from "./stage";
import type { MetricsState, Range, Sort } from "./state";
import { Toolbar } from "./Toolbar";
import { cursorText } from "./ticks";
import type { Answered } from "./useCurves";

interface ShownProps {
  state: MetricsState;
  answer: Answered;
  detail: Answered | undefined;
  /** Whether a newer answer is on its way. */
  isOld: boolean;
  names: Names | undefined;
  set: (state: Partial<MetricsState>, replace?: boolean) => void;
  onWidth: (width: number) => void;
}

export function Shown({ state, answer, detail, isOld, names, set, onWidth }: ShownProps) {
  const theme = useTheme();
  const [stage] = useState(() => new Stage());
  const newest = useRef(state);
  newest.current = state;

  const series = useMemo(
    () => seriesOf(answer.sequences, detail?.sequences ?? [], detail ? state.xRange : null),
    [answer, detail, state.xRange],
  );
  const before = useRef<Panels | undefined>(undefined);
  const { colour, stroke, chart, aggregate, logX } = state;
  const made = useMemo(
    () =>
      panelsOf(
        series,
        { colour, stroke, chart, aggregate, logX, theme, asked: answer.asked.attribute },
        before.current,
      ),
    [series, colour, stroke, chart, aggregate, logX, theme, answer],
  );
  useEffect(() => {
    before.current = made;
  }, [made]);
  const { panels } = made;
  const { hidden, only } = state;
  const shows = useCallback(
    (line: Line) => (only ? only.has(line.id) : !hidden.has(line.id)),
    [hidden, only],
  );
  const lines = useMemo(() => panels.flatMap((panel) => panel.lines), [panels]);
  const whole = useMemo(() => xExtent(lines.filter(shows), logX), [lines, shows, logX]);
  // an older answer may be over another x, where the range says nothing
  const isOther = answer.asked.x !== state.x;
  const range = isOther ? null : state.xRange;
  const xRange = range ?? whole;
  const groups = useMemo(() => groupColumns({ colour, stroke, chart }), [colour, stroke, chart]);
  const look = useMemo(
    () => ({
      x: answer.asked.x,
      buckets: Math.floor(answer.points / 2),
      logX,
      logY: state.logY,
      trimmed: state.trimmed,
      theme,
    }),
    [answer, logX, state.logY, state.trimmed, theme],
  );

  const zoom = useCallback(
    (key: string, x: Range | null, y: Range | null) => {
      const now = newest.current;
      const yRanges = y ? new Map([...now.yRanges, [key, y]]) : now.yRanges;
      set({ xRange: x ?? now.xRange, yRanges });
    },
    [set],
  );
  const reset = useCallback(
    (key: string) => {
      const yRanges = new Map(newest.current.yRanges);
      const had = yRanges.delete(key);
      if (had || newest.current.xRange) set({ xRange: null, yRanges });
    },
    [set],
  );
  const turned = useCallback((x: Range) => set({ xRange: x }, true), [set]);
  const toggle = useCallback(
    (line: Line) => {
      const now = newest.current;
      const ids = new Set(now.only ?? now.hidden);
      if (!ids.delete(line.id)) ids.add(line.id);
      set(now.only ? { only: ids } : { hidden: ids }, true);
    },
    [set],
  );
  const showOnly = useCallback(
    (line: Line) => {
      const isAlone = newest.current.only?.size === 1 && newest.current.only.has(line.id);
      set({ only: isAlone ? null : new Set([line.id]), hidden: new Set() }, true);
    },
    [set],
  );
  const showAll = useCallback(
    (all: boolean) => set({ only: all ? null : new Set(), hidden: new Set() }, true),
    [set],
  );
  const sort = useCallback((next: Sort | null) => set({ sort: next }, true), [set]);
  const text = useCallback((x: number) => cursorText(x, look.x), [look.x]);

  const exportCsv = () => {
    const csv = asCsv({ panels, shows, x: answer.asked.x, range, groups });
    save(
      fileName(`curves ${panels.length === 1 ? panels[0]?.title : ""}`.trim(), "csv"),
      new Blob([csv], { type: "text/csv" }),
    );
  };
  const isZoomed = state.xRange !== null || state.yRanges.size > 0;
  return (
    <>
      <Toolbar
        state={state}
        names={names}
        scale={made.scale}
        strokes={{ wanted: made.strokes.size, there: DASHES.length }}
        onChange={set}
      >
        <Pager
          offset={answer.asked.offset}
          here={answer.sequences.length}
          total={answer.total}
          aggregated={aggregate !== null}
          onOffset={(offset) => set({ offset })}
        />
        {isOld && (
          <span role="status" className={styles.status}>
            asking…
          </span>
        )}
        <span className={styles.spring} />
        {isZoomed && (
          <button type="button" onClick={() => set({ xRange: null, yRanges: new Map() })}>
            <Maximize size={14} aria-hidden /> Show all of x and y
          </button>
        )}
        <button
          type="button"
          onClick={exportCsv}
          disabled={lines.length === 0}
          title="The points that are shown, as CSV; a column says whether they are all or thinned out"
        >
          <FileSpreadsheet size={14} aria-hidden /> CSV
        </button>
      </Toolbar>
      {lines.length === 0 ? (
        <Empty title="No metric matches">
          <p>
            {answer.of === 0 ? "There are no runs yet." : "The query is true for no sequence of any run."}
          </p>
        </Empty>
      ) : (
        <>
          <Charts
            panels={panels}
            shows={shows}
            xRange={xRange}
            isZoomed={range !== null}
            yRanges={state.yRanges}
            look={look}
            stage={stage}
            onZoom={zoom}
            onReset={reset}
            onTurned={turned}
            onWidth={onWidth}
          />
          <Legend
            lines={lines}
            groups={groups}
            aggregated={aggregate !== null}
            shows={shows}
            sort={state.sort}
            stage={stage}
            xText={text}
            onSort={sort}
            onToggle={toggle}
            onOnly={showOnly}
            onAll={showAll}
          />
        </>
      )}
    </>
  );
}
