// Runs beside each other: as points over two expressions, or as lines across many.

import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import { useAddress } from "../address";
import { ApiError } from "../api/client";
import type { Names } from "../api/types";
import { useBlame } from "../components/blame/useBlame";
import { comparisonOptions } from "../components/picker/expressions";
import { QueryBar } from "../components/QueryBar";
import { useNames } from "../components/query/names";
import { Failure, Loading } from "../components/States";
import styles from "./compare/Compare.module.css";
import { Compared } from "./compare/Compared";
import { ComparisonBar } from "./compare/ComparisonBar";
import { firstAxes, firstParameter, firstResult } from "./compare/defaults";
import { type CompareState, readCompare, writeCompare } from "./compare/state";
import { useRuns } from "./compare/useRuns";

const NO_NAMES: Names = {
  params: [],
  metrics: [],
  sequences: { images: [], audios: [], texts: [], figures: [], distributions: [] },
  experiments: [],
  tags: [],
};

/** The state with what the reader has left to the page. */
export interface Choice extends CompareState {
  x: string;
  y: string;
}

export default function Compare() {
  const { data: names, error } = useNames();
  if (!names && !error) return <Loading what="the names of parameters and metrics" />;
  return <Page names={names ?? NO_NAMES} namesError={error} />;
}

function Page({ names, namesError }: { names: Names; namesError: unknown }) {
  const [parameters, change] = useAddress();
  const client = useQueryClient();
  const choice = useMemo((): Choice => {
    const state = readCompare(parameters);
    return {
      ...state,
      x: state.x ?? firstParameter(names),
      y: state.y ?? firstResult(names),
      axes: state.axes.length > 0 ? state.axes : firstAxes(names),
    };
  }, [parameters, names]);
  const options = useMemo(() => comparisonOptions(names), [names]);
  const expressions = useMemo(() => {
    const drawn = choice.view === "scatter" ? [choice.x, choice.y] : choice.axes;
    const also = choice.brushes.map((brush) => brush.expression);
    return [...new Set([...drawn, ...(choice.colour ? [choice.colour] : []), ...also])];
  }, [choice]);
  const { table, error, isLoading, isOld } = useRuns(choice.query, expressions);
  const blame = useBlame("runs", choice.query, expressions, error);
  const set = useCallback(
    (next: Partial<CompareState>, replace = false) => change(writeCompare(next), { replace }),
    [change],
  );
  const submit = (query: string) => {
    if (query === choice.query) client.invalidateQueries({ queryKey: ["compare"] });
    else set({ query });
  };
  return (
    <div className={styles.page}>
      <QueryBar
        kind="runs"
        unit="runs"
        value={choice.query}
        onSubmit={submit}
        answer={isOld ? undefined : table?.answer}
        error={blame.ofQuery}
        isLoading={isLoading}
      />
      <div className={styles.body}>
        {error !== null && !(error instanceof ApiError) && <Failure error={error} />}
        {namesError !== null && <Failure error={namesError} />}
        <ComparisonBar choice={choice} options={options} onChange={set} />
        {table ? (
          <Compared choice={choice} table={table} expressions={expressions} onChange={set} />
        ) : (
          <>
            {blame.ofExpressions !== null && <Failure error={blame.ofExpressions} />}
            {error === null && <Loading what="runs" />}
          </>
        )}
      </div>
    </div>
  );
}
