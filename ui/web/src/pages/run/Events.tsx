// The lines of a run's logs as they are on the disk: what everything else here is made from.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useAddress } from "../../address";
import { get } from "../../api/client";
import type { EventsReply, RunDetails } from "../../api/types";
import { showSize } from "../../api/values";
import { Copy } from "../../components/detail/Copy";
import { Empty, Failure, Loading } from "../../components/States";
import styles from "./Events.module.css";
import { setOut } from "./pretty";
import table from "./Table.module.css";

const PAGE = 200;
const LONGEST = 4000;

export function Events({ run }: { run: RunDetails }) {
  const [parameters, change] = useAddress();
  const log = parameters.get("log") ?? "";
  const offset = Number(parameters.get("offset") ?? 0) || 0;
  const [isPretty, setPretty] = useState(false);
  const events = useQuery({
    queryKey: ["run", run.hash, "events", log, offset],
    queryFn: ({ signal }) =>
      get<EventsReply>(
        `runs/${encodeURIComponent(run.hash)}/events`,
        { log: log || null, offset, limit: PAGE },
        signal,
      ),
    placeholderData: (previous) => previous,
  });
  if (events.error) return <Failure error={events.error} />;
  if (events.data === undefined) return <Loading what="the events" />;
  const { logs, lines, next } = events.data;
  if (logs.length === 0) return <Empty title="No log is left of this run" />;
  const size = logs.find(({ file }) => file === events.data.log)?.size ?? 0;
  return (
    <>
      <div className={table.tools}>
        <label>
          Log{" "}
          <select
            className={styles.choice}
            value={events.data.log}
            onChange={(event) => change({ log: event.target.value, offset: null })}
          >
            {logs.map(({ file, size: bytes }) => (
              <option key={file} value={file}>
                {file} · {showSize(bytes)}
              </option>
            ))}
          </select>
        </label>
        <button type="button" aria-pressed={isPretty} onClick={() => setPretty(!isPretty)}>
          Set out all
        </button>
        <button type="button" disabled={offset === 0} onClick={() => change({ offset: null })}>
          From the start
        </button>
        <button type="button" disabled={next === null} onClick={() => change({ offset: String(next) })}>
          Next {PAGE}
        </button>
        <span className={table.said} role="status">
          {lines.length === 0
            ? "no lines"
            : `from byte ${offset.toLocaleString("en-US")} of ${size.toLocaleString("en-US")}`}
        </span>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <div className={styles.scroll} tabIndex={0}>
        <ol className={styles.lines}>
          {lines.map((line) => (
            <EventLine
              key={`${events.data.log} ${line.offset}`}
              offset={line.offset}
              text={line.text}
              allPretty={isPretty}
            />
          ))}
        </ol>
      </div>
    </>
  );
}

function EventLine({ offset, text, allPretty }: { offset: number; text: string; allPretty: boolean }) {
  const [own, setOwn] = useState<boolean | null>(null);
  const isPretty = own ?? allPretty;
  const shown = isPretty ? setOut(text) : text;
  return (
    <li>
      <button
        type="button"
        data-kind="quiet"
        className={styles.offset}
        aria-expanded={isPretty}
        onClick={() => setOwn(!isPretty)}
        title={isPretty ? "As it is" : "Set out"}
      >
        {offset.toLocaleString("en-US")}
      </button>
      <code className={isPretty ? styles.pretty : styles.raw}>
        {shown.slice(0, LONGEST)}
        {shown.length > LONGEST && (
          <em> … {(shown.length - LONGEST).toLocaleString("en-US")} more characters</em>
        )}
      </code>
      <Copy text={text} label={`Copy the line at ${offset}`} />
    </li>
  );
}
