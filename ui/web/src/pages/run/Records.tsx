// What a script logged in words (`run.log_info()` and its kin).

import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { useAddress } from "../../address";
import { get } from "../../api/client";
import type { RecordsReply, RunDetails } from "../../api/types";
import { showTime } from "../../api/values";
import { Failure } from "../../components/States";
import { VirtualList } from "../../components/VirtualList";
import styles from "./Records.module.css";
import { leafText } from "./tree";

const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR"];

export function Records({ run, onKnown }: { run: RunDetails; onKnown: (some: boolean) => void }) {
  const [parameters, change] = useAddress();
  const [limit, setLimit] = useState(1000);
  const level = Math.max(LEVELS.indexOf(parameters.get("level") ?? "DEBUG"), 0);
  const [words, setWords] = useState("");
  const records = useQuery({
    queryKey: ["run", run.hash, "records", limit],
    queryFn: ({ signal }) =>
      get<RecordsReply>(`runs/${encodeURIComponent(run.hash)}/records`, { after: -limit, limit }, signal),
    placeholderData: (previous) => previous,
  });
  const has = (records.data?.total ?? 0) > 0 || records.error !== null;
  useEffect(() => onKnown(has), [has, onKnown]);
  const newest = useMemo(() => {
    const wanted = words.toLowerCase();
    const shown = (records.data?.records ?? []).filter(
      (record) =>
        Math.max(LEVELS.indexOf(record.level), 0) >= level &&
        `${record.message} ${leafText(record.args)}`.toLowerCase().includes(wanted),
    );
    return shown.reverse();
  }, [records.data, level, words]);
  if (!has) return null;
  if (records.error) return <Failure error={records.error} />;
  const { total = 0, records: all = [] } = records.data ?? {};
  return (
    <section className={styles.records} aria-label="Log records">
      <div className={styles.tools}>
        <h2>Log records</h2>
        <select
          value={LEVELS[level]}
          onChange={(event) => change({ level: event.target.value === "DEBUG" ? null : event.target.value })}
          aria-label="Least level"
        >
          {LEVELS.map((name) => (
            <option key={name} value={name}>
              {name === "ERROR" ? name : `${name} and above`}
            </option>
          ))}
        </select>
        <input
          type="search"
          value={words}
          onChange={(event) => setWords(event.target.value)}
          placeholder="Find"
          aria-label="Find in the log records"
        />
        <span className={styles.said}>
          {newest.length.toLocaleString("en-US")} of {total.toLocaleString("en-US")}
        </span>
      </div>
      {all.length < total && (
        <button
          type="button"
          data-kind="quiet"
          onClick={() => setLimit(Math.min(limit * 10, 10_000))}
          disabled={limit >= 10_000}
        >
          {limit >= 10_000
            ? `The last 10,000 are here. All: runstone query, or get_log_records()`
            : `The last ${all.length.toLocaleString("en-US")} are here. Load more`}
        </button>
      )}
      <VirtualList
        items={newest}
        estimate={() => 44}
        overscan={12}
        className={styles.scroll}
        placeClassName={styles.record}
      >
        {(record) => (
          <>
            <span className={styles.level} data-level={record.level}>
              {record.level}
            </span>
            <time>{showTime(record.time)}</time>
            <p>{record.message}</p>
            <Arguments value={record.args} />
          </>
        )}
      </VirtualList>
    </section>
  );
}

function Arguments({ value }: { value: RecordsReply["records"][number]["args"] }) {
  const entries =
    value !== null && typeof value === "object" && !Array.isArray(value) ? Object.entries(value) : [];
  if (!entries.length) return null;
  return (
    <p className={styles.args}>
      {entries.map(([key, argument]) => (
        <code key={key}>
          {key}={leafText(argument)}
        </code>
      ))}
    </p>
  );
}
