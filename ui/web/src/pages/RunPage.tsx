// The page of one run: what it is above, and what it holds in tabs.

import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { useAddress } from "../address";
import { get } from "../api/client";
import type { RunDetails } from "../api/types";
import { Boundary } from "../components/Boundary";
import { useRefresh } from "../components/detail/refresh";
import { type Tab, Tabs } from "../components/detail/Tabs";
import { Failure, Loading } from "../components/States";
import { legible } from "../legible/legible";
import { Artifacts } from "./run/Artifacts";
import { Events } from "./run/Events";
import { Header } from "./run/Header";
import { History } from "./run/History";
import { MetricCharts } from "./run/MetricCharts";
import { isMissing, MissingRun } from "./run/MissingRun";
import { Overview } from "./run/Overview";
import { mediaKinds, RunMedia } from "./run/RunMedia";
import styles from "./run/RunPage.module.css";
import { isSystem } from "./run/sequences";
import { TerminalTab } from "./run/TerminalTab";

export default function RunPage({ hash }: { hash: string }) {
  const [parameters, change] = useAddress();
  useRefresh("run", hash);
  const run = useQuery({
    queryKey: ["run", hash, "details"],
    queryFn: ({ signal }) => get<RunDetails>(`runs/${encodeURIComponent(hash)}`, {}, signal),
  });
  const title = run.data?.name || hash.slice(0, 12);
  useEffect(() => {
    document.title = `${legible(title)} · Runstone`;
  }, [title]);
  // what was here a moment ago may have been deleted: then the error counts, and not what is remembered
  if (run.error !== null && isMissing(run.error))
    return <MissingRun hash={hash} error={run.error} wasHere={run.data !== undefined} />;
  if (run.data === undefined) return run.error ? <Failure error={run.error} /> : <Loading what="the run" />;
  const tabs = tabsOf(run.data);
  const chosen = tabs.find((tab) => tab.id === parameters.get("tab"))?.id ?? "overview";
  return (
    <div className={styles.page}>
      {run.error && <Failure error={run.error} />}
      <Header run={run.data} asked={run.dataUpdatedAt} isBrief={chosen !== "overview"} />
      <Tabs
        tabs={tabs}
        value={chosen}
        label="Parts of the run"
        onChange={(tab) => change({ tab: tab === "overview" ? null : tab })}
      >
        <Boundary key={chosen}>
          <Panel tab={chosen} run={run.data} />
        </Boundary>
      </Tabs>
    </div>
  );
}

function tabsOf(run: RunDetails): Tab[] {
  const metrics = run.sequences.filter(({ kind }) => kind === "metric");
  const system = metrics.filter(isSystem).length;
  return [
    { id: "overview", title: "Overview", alarm: run.problems.length > 0 },
    { id: "metrics", title: "Metrics", count: metrics.length - system },
    { id: "terminal", title: "Terminal" },
    { id: "system", title: "System", count: system },
    { id: "media", title: "Media", count: mediaKinds(run).reduce((sum, [, count]) => sum + count, 0) },
    {
      id: "artifacts",
      title: "Artifacts",
      count: run.artifacts.length,
      alarm: run.artifacts.some(({ error }) => error !== null && error !== ""),
    },
    { id: "history", title: "History" },
    { id: "events", title: "Events" },
  ];
}

function Panel({ tab, run }: { tab: string; run: RunDetails }) {
  if (tab === "metrics") return <MetricCharts key="metrics" run={run} system={false} />;
  if (tab === "system") return <MetricCharts key="system" run={run} system />;
  if (tab === "terminal") return <TerminalTab run={run} />;
  if (tab === "media") return <RunMedia run={run} />;
  if (tab === "artifacts") return <Artifacts run={run} />;
  if (tab === "history") return <History run={run} />;
  if (tab === "events") return <Events run={run} />;
  return <Overview run={run} />;
}
