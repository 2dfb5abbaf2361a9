// The selected runs side by side: what each was given, how each ended, and in what they differ.

import { useQueries } from "@tanstack/react-query";
import { Columns3, X } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";
import { get } from "../../api/client";
import type { RunDetails } from "../../api/types";
import { Failure, Loading } from "../../components/States";
import { Value } from "./Cells";
import { type Comparison, sideBySide } from "./difference";
import type { RunRow } from "./pages";
import styles from "./Runs.module.css";
import type { Selection } from "./selection";

const MOST = 12;
const KINDS = { property: "Run", parameter: "Parameters", metric: "Metrics, last value" } as const;

interface SideBySideProps {
  selection: Selection;
  close: () => void;
  /** Shows expressions as columns of the table. */
  setColumns: (expressions: readonly string[]) => void;
}

export function SideBySide({ selection, close, setColumns }: SideBySideProps) {
  const [onlyDiffering, setOnlyDiffering] = useState(true);
  const rows = [...selection.values()].slice(0, MOST);
  const found = useQueries({
    queries: rows.map(({ hash, ...row }) => ({
      // a run that is still written is asked for anew as its row changes
      queryKey: ["side by side", hash, row.status === "running" ? row : row.ended],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        get<RunDetails>(`runs/${encodeURIComponent(hash)}`, {}, signal),
      structuralSharing: false,
    })),
  });
  const runs = found.flatMap(({ data }) => (data ? [data] : []));
  const error = found.find((one) => one.error !== null)?.error;
  const all = runs.length === rows.length ? sideBySide(runs) : [];
  const shown = onlyDiffering ? all.filter(({ differs }) => differs) : all;
  const differing = all.filter(({ differs, kind }) => differs && kind !== "property");
  return (
    <section className={styles.side} aria-label="The selected runs side by side">
      <header className={styles.sideHead}>
        <h2>Side by side</h2>
        <label>
          <input
            type="checkbox"
            checked={onlyDiffering}
            onChange={(event) => setOnlyDiffering(event.target.checked)}
          />
          only what differs
        </label>
        <span className={styles.small}>
          {differing.length} of {all.filter(({ kind }) => kind !== "property").length} parameters and metrics
          differ
          {selection.size > MOST && `; the first ${MOST} of ${selection.size} runs`}
        </span>
        <span className={styles.spring} />
        {differing.length > 0 && (
          <button type="button" onClick={() => setColumns(differing.map(({ expression }) => expression))}>
            <Columns3 size={14} aria-hidden />
            As columns
          </button>
        )}
        <button type="button" data-kind="quiet" onClick={close} aria-label="Close">
          <X size={14} aria-hidden />
        </button>
      </header>
      {error ? (
        <Failure error={error} />
      ) : all.length === 0 ? (
        <Loading what="the runs" />
      ) : (
        <Comparisons rows={rows} shown={shown} />
      )}
    </section>
  );
}

function Comparisons({ rows, shown }: { rows: readonly RunRow[]; shown: readonly Comparison[] }) {
  if (shown.length === 0)
    return <p className={styles.sideEmpty}>They agree in every parameter and metric.</p>;
  return (
    <div className={styles.sideScroll}>
      <table>
        <thead>
          <tr>
            <th scope="col">
              <span className="visually-hidden">Name</span>
            </th>
            {rows.map(({ hash, name }) => (
              <th key={hash} scope="col">
                <Link href={`/run/${encodeURIComponent(hash)}`} title={name ?? hash}>
                  {name?.trim() || hash.slice(0, 12)}
                </Link>
              </th>
            ))}
          </tr>
        </thead>
        {(["property", "parameter", "metric"] as const).map((kind) => {
          const here = shown.filter((one) => one.kind === kind);
          if (here.length === 0) return null;
          return (
            <tbody key={kind}>
              <tr>
                <th scope="rowgroup" colSpan={rows.length + 1} className={styles.sideKind}>
                  {KINDS[kind]}
                </th>
              </tr>
              {here.map(({ expression, title, values, differs }) => (
                <tr key={expression} data-differs={differs || undefined}>
                  <th scope="row" title={expression}>
                    {title}
                    {differs && <span className="visually-hidden"> (differs)</span>}
                  </th>
                  {values.map((value, place) => (
                    <td key={rows[place]?.hash}>
                      {value === undefined ? (
                        <span className={styles.absent}>not there</span>
                      ) : (
                        <Value value={value} />
                      )}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          );
        })}
      </table>
    </div>
  );
}
