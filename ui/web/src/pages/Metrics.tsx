// Curves of many sequences: grouped, aggregated, smoothed, and looked at closely.

import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { useAddress } from "../address";
import { ApiError } from "../api/client";
import { useBlame } from "../components/blame/useBlame";
import { QueryBar } from "../components/QueryBar";
import { useNames } from "../components/query/names";
import { Failure, Loading } from "../components/States";
import { askedFor } from "./metrics/grouping";
import styles from "./metrics/Metrics.module.css";
import { Shown } from "./metrics/Shown";
import { Start } from "./metrics/Start";
import { type MetricsState, readState, writeState } from "./metrics/state";
import { Toolbar } from "./metrics/Toolbar";
import { type Asked, useCurves } from "./metrics/useCurves";

export default function Metrics() {
  const [parameters, change] = useAddress();
  const state = useMemo(() => readState(parameters), [parameters]);
  const { data: names, error: namesError } = useNames();
  const client = useQueryClient();
  // until the charts have told: as if there were two beside each other, unless it is clear that there is one
  const [width, setWidth] = useState(() => window.innerWidth * (state.chart.length === 0 ? 0.9 : 0.5));

  const asked = useMemo((): Asked | null => {
    if (state.query === null) return null;
    return {
      q: state.query,
      x: state.x,
      smooth: state.smooth,
      offset: state.offset,
      attribute: askedFor(state),
    };
  }, [state]);
  const curves = useCurves(asked, pointsFor(width), state.xRange);
  const { answer, detail, error } = curves;

  const blame = useBlame("metric", state.query ?? "", asked?.attribute ?? [], error);
  const set = useCallback(
    (next: Partial<MetricsState>, replace = false) => change(writeState(next), { replace }),
    [change],
  );
  const submit = (query: string) => {
    if (query === state.query) client.invalidateQueries({ queryKey: ["curves"] });
    else set({ query, offset: 0, xRange: null, yRanges: new Map(), hidden: new Set(), only: null });
  };

  return (
    <div className={styles.page}>
      <QueryBar
        kind="metric"
        unit="metrics"
        value={state.query ?? ""}
        onSubmit={submit}
        answer={curves.isOld ? undefined : answer}
        error={blame.ofQuery}
        isLoading={curves.isLoading}
      />
      <div className={styles.body}>
        {error !== null && !(error instanceof ApiError) && <Failure error={error} />}
        {state.query === null ? (
          <Start names={names} error={namesError} />
        ) : !answer ? (
          <>
            <Toolbar state={state} names={names} scale={null} strokes={null} onChange={set} />
            {blame.ofExpressions !== null && <Failure error={blame.ofExpressions} />}
            {error === null && <Loading what="curves" />}
          </>
        ) : (
          <Shown
            state={state}
            answer={answer}
            detail={detail}
            isOld={curves.isOld || curves.isLookingCloser}
            names={names}
            set={set}
            onWidth={setWidth}
          />
        )}
      </div>
    </div>
  );
}

/** About two points for each pixel; in steps, so that a window that is drawn wider does not ask with every pixel. */
function pointsFor(width: number): number {
  return Math.min(Math.max(Math.ceil((width * 2) / 400) * 400, 800), 4000);
}
