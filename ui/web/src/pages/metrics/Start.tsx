// Where nothing has been asked yet: the metrics that there are, and the newest runs.

import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { Link } from "wouter";
import { get } from "../../api/client";
import { useLive } from "../../api/live";
import type { Names, RunsReply } from "../../api/types";
import { showAge, showContext } from "../../api/values";
import { Empty, Failure, Loading } from "../../components/States";
import { runLabel } from "./grouping";
import { contextQuery, metricQuery, metricsByName, runQuery, runsCondition, shownContexts } from "./offers";
import styles from "./Start.module.css";

const NEWEST = 12;

export function Start({ names, error }: { names: Names | undefined; error: unknown }) {
  const { generation } = useLive();
  const [search, setSearch] = useState("");
  const [few, setFew] = useState(false);
  const runs = useQuery({
    queryKey: ["newest runs", generation],
    queryFn: ({ signal }) => get<RunsReply>("runs", { limit: NEWEST }, signal),
    placeholderData: (previous) => previous,
  });
  const metrics = useMemo(() => metricsByName(names?.metrics ?? []), [names]);
  if (error) return <Failure error={error} />;
  if (!names) return <Loading what="the names of the metrics" />;
  if (metrics.length === 0)
    return (
      <Empty title="No metric has been tracked yet">
        <p>
          Runs that call <code>run.track(value, name="loss")</code> appear here while they go on.
        </p>
      </Empty>
    );
  const found = metrics.filter((metric) => metric.name.toLowerCase().includes(search.trim().toLowerCase()));
  const newest = runs.data?.runs;
  const only = few && newest ? runsCondition(newest.hash) : "";
  return (
    <div className={styles.start}>
      <section className={styles.metrics} aria-label="Metrics">
        <header>
          <h2>Which metric?</h2>
          <input
            type="search"
            placeholder="Search"
            aria-label="Search metrics"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
          <label>
            <input
              type="checkbox"
              checked={few}
              onChange={(event) => setFew(event.target.checked)}
              disabled={!newest}
            />
            of the {NEWEST} newest runs only
          </label>
        </header>
        <ul>
          {found.map((metric) => (
            <li key={metric.name}>
              <Link className={styles.name} href={metricQuery(metric.name, only)} title={metric.name}>
                {metric.name}
              </Link>
              {shownContexts(metric.contexts).map((context) => (
                <Link
                  key={showContext(context)}
                  className={styles.context}
                  href={contextQuery(metric.name, context, only)}
                  title={showContext(context)}
                >
                  {showContext(context)}
                </Link>
              ))}
            </li>
          ))}
          {found.length === 0 && <li>No metric is called that.</li>}
        </ul>
      </section>
      <section className={styles.runs} aria-label="Newest runs">
        <h2>Or all metrics of a run</h2>
        {runs.error && <Failure error={runs.error} />}
        <ul>
          {newest?.hash.map((hash, place) => (
            <li key={hash}>
              <Link href={runQuery(hash)} title={hash}>
                {runLabel(hash, newest.name[place] ?? null)}
              </Link>
              <span>
                {newest.status[place] === "running" ? "running" : showAge(newest.created[place] ?? 0)}
              </span>
            </li>
          ))}
        </ul>
      </section>
    </div>
  );
}
