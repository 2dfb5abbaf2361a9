// A small chart for each metric of a run. Curves are asked for in portions, of what is seen.

import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import { Link } from "wouter";
import { useAddress } from "../../address";
import type { RunDetails } from "../../api/types";
import { Empty } from "../../components/States";
import { MetricCard } from "./MetricCard";
import styles from "./MetricCharts.module.css";
import { found, isSystem, keyOf, portions, type RunSequence } from "./sequences";

const WIDTH = 300; // of a card, at least
const HEIGHT = 236;

export function MetricCharts({ run, system }: { run: RunDetails; system: boolean }) {
  const [parameters, change] = useAddress();
  const words = parameters.get("find") ?? "";
  const all = useMemo(() => metricsOf(run, system), [run, system]);
  const parts = useMemo(() => portions(all), [all]);
  const portionOf = useMemo(
    () => new Map(parts.flatMap((part) => part.keys.map((key) => [key, part.names]))),
    [parts],
  );
  const shown = useMemo(() => found(all, words), [all, words]);
  const scroll = useRef<HTMLDivElement>(null);
  const width = useWidth(scroll);
  const across = Math.max(Math.floor((width - 24) / WIDTH), 1);
  const virtual = useVirtualizer({
    count: Math.ceil(shown.length / across),
    getScrollElement: () => scroll.current,
    estimateSize: () => HEIGHT,
    overscan: 1,
  });
  if (all.length === 0) return <NoMetrics system={system} />;
  const query = `run.hash == ${JSON.stringify(run.hash)}`;
  return (
    <div className={styles.charts}>
      <div className={styles.tools}>
        <input
          type="search"
          value={words}
          onChange={(event) => change({ find: event.target.value }, { replace: true })}
          placeholder="Find a name or a context"
          aria-label="Find a metric"
        />
        <span className={styles.said} role="status">
          {shown.length.toLocaleString("en-US")} of {all.length.toLocaleString("en-US")}
        </span>
        {!system && <Link href={`/metrics?q=${encodeURIComponent(query)}`}>Open all in Metrics</Link>}
      </div>
      {shown.length === 0 && <p className={styles.none}>No metric has all these words.</p>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <div className={styles.scroll} ref={scroll} tabIndex={0}>
        <div className={styles.space} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => (
            <div
              key={item.key}
              className={styles.row}
              style={{
                transform: `translateY(${item.start}px)`,
                gridTemplateColumns: `repeat(${across}, minmax(0, 1fr))`,
                height: HEIGHT,
              }}
            >
              {shown.slice(item.index * across, (item.index + 1) * across).map((sequence) => (
                <MetricCard
                  key={keyOf(sequence)}
                  run={run}
                  sequence={sequence}
                  names={portionOf.get(keyOf(sequence)) ?? [sequence.name]}
                />
              ))}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}

function metricsOf(run: RunDetails, system: boolean): RunSequence[] {
  return run.sequences
    .filter((sequence) => sequence.kind === "metric" && isSystem(sequence) === system)
    .sort((one, other) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0));
}

function useWidth(element: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(900);
  useEffect(() => {
    if (element.current === null) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(entry.contentRect.width));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element]);
  return width;
}

function NoMetrics({ system }: { system: boolean }) {
  if (system) {
    return (
      <Empty title="The machine was not watched">
        <p>
          <code>Run(system_tracking_interval=10)</code> samples CPU, memory, disk, network and GPUs every ten
          seconds.
        </p>
      </Empty>
    );
  }
  return (
    <Empty title="No metrics yet">
      <pre>{`run = Run()\nfor step in range(100):\n    run.track(loss, name="loss", step=step)`}</pre>
    </Empty>
  );
}
