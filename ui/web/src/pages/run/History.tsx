// What was changed in a run, and when: parameters, properties, tags, notes.

import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import { useAddress } from "../../address";
import { get } from "../../api/client";
import type { Change, RunDetails, Tagged } from "../../api/types";
import { showTime } from "../../api/values";
import { Empty, Failure, Loading } from "../../components/States";
import styles from "./History.module.css";
import table from "./Table.module.css";
import { leafText } from "./tree";

export function History({ run }: { run: RunDetails }) {
  const [parameters, change] = useAddress();
  const [words, kind] = [parameters.get("find") ?? "", parameters.get("kind") ?? ""];
  const history = useQuery({
    queryKey: ["run", run.hash, "history"],
    queryFn: ({ signal }) =>
      get<{ changes: Change[] }>(`runs/${encodeURIComponent(run.hash)}/history`, {}, signal),
  });
  const all = useMemo(() => [...(history.data?.changes ?? [])].reverse(), [history.data]);
  const kinds = useMemo(() => [...new Set(all.map((entry) => entry.kind))].sort(), [all]);
  const shown = useMemo(() => {
    const wanted = words.toLowerCase();
    return all.filter(
      (entry) =>
        (!kind || entry.kind === kind) &&
        `${entry.name} ${text(entry.before)} ${text(entry.after)}`.toLowerCase().includes(wanted),
    );
  }, [all, words, kind]);
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => 34,
    overscan: 12,
  });
  if (history.error) return <Failure error={history.error} />;
  if (history.data === undefined) return <Loading what="the history" />;
  if (all.length === 0) return <Empty title="Nothing was set or changed" />;
  return (
    <>
      <div className={table.tools}>
        <input
          type="search"
          value={words}
          onChange={(event) => change({ find: event.target.value }, { replace: true })}
          placeholder="Find a name or a value"
          aria-label="Find a change"
        />
        <select
          value={kind}
          onChange={(event) => change({ kind: event.target.value })}
          aria-label="Kind of change"
        >
          <option value="">all kinds</option>
          {kinds.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <span className={table.said} role="status">
          {shown.length.toLocaleString("en-US")} of {all.length.toLocaleString("en-US")}, the newest first
        </span>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <div className={styles.scroll} ref={scroll} tabIndex={0}>
        <div className={styles.space} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const entry = shown[item.index];
            return (
              entry && (
                <div
                  key={item.key}
                  ref={virtual.measureElement}
                  data-index={item.index}
                  className={styles.change}
                  style={{ transform: `translateY(${item.start}px)` }}
                >
                  <time title={`by ${entry.writer}`}>{showTime(entry.time)}</time>
                  <span className={styles.kind}>{entry.kind}</span>
                  <bdi className={styles.name} title={entry.name}>
                    {entry.name}
                  </bdi>
                  <span className={styles.values}>
                    <Value value={entry.before} isBefore />
                    <span aria-hidden>→</span>
                    <span className="visually-hidden">became</span>
                    <Value value={entry.after} />
                  </span>
                </div>
              )
            );
          })}
        </div>
      </div>
    </>
  );
}

function text(value: Tagged | undefined): string {
  return value === null || value === undefined ? "" : leafText(value);
}

function Value({ value, isBefore = false }: { value: Tagged | undefined; isBefore?: boolean }) {
  const shown = text(value);
  if (value === null || value === undefined) return <span className={styles.nothing}>nothing</span>;
  return (
    <code className={isBefore ? styles.before : styles.after} title={shown.slice(0, 2000)}>
      {shown === "" ? "“”" : shown}
    </code>
  );
}
