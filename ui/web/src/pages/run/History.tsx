// What was changed in a run, and when: parameters, properties, tags, notes.

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useAddress } from "../../address";
import { get } from "../../api/client";
import type { Change, RunDetails, Tagged } from "../../api/types";
import { showTime } from "../../api/values";
import { Empty, Failure, Loading } from "../../components/States";
import { VirtualList } from "../../components/VirtualList";
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
            <option key={name} value={name}>
              {KINDS[name] ?? name}
            </option>
          ))}
        </select>
        <span className={table.said} role="status">
          {shown.length.toLocaleString("en-US")} of {all.length.toLocaleString("en-US")}, the newest first
        </span>
      </div>
      <VirtualList
        items={shown}
        estimate={() => 34}
        overscan={12}
        className={styles.scroll}
        placeClassName={styles.change}
      >
        {(entry) => (
          <>
            <time title={`by ${entry.writer}`}>{showTime(entry.time)}</time>
            <span className={styles.kind}>{KINDS[entry.kind] ?? entry.kind}</span>
            <bdi className={styles.name} title={entry.name}>
              {entry.name}
            </bdi>
            <Became entry={entry} />
          </>
        )}
      </VirtualList>
    </>
  );
}

const KINDS: { [kind: string]: string } = {
  params: "parameter",
  props: "property",
  tags: "tag",
  notes: "note",
  life: "life",
};

function Became({ entry }: { entry: Change }) {
  if (entry.kind === "tags") {
    return <span className={styles.values}>{entry.after === true ? "put on" : "taken off"}</span>;
  }
  return (
    <span className={styles.values}>
      <Value value={entry.before} isBefore />
      <span aria-hidden>→</span>
      <span className="visually-hidden">became</span>
      <Value value={entry.after} />
    </span>
  );
}

function text(value: Tagged | undefined): string {
  return value === null || value === undefined ? "" : leafText(value);
}

function Value({ value, isBefore = false }: { value: Tagged | undefined; isBefore?: boolean }) {
  const shown = text(value);
  if (value === null || value === undefined) return <span className={styles.nothing}>nothing</span>;
  return (
    <code className={isBefore ? styles.before : undefined} title={shown.slice(0, 2000)}>
      {shown === "" ? "“”" : shown}
    </code>
  );
}
