// What a run is: its name, how it stands, and what can be done with it.

import { Archive, ArchiveRestore, Trash2 } from "lucide-react";
import { useEffect, useState } from "react";
import { Link } from "wouter";
import type { RunDetails, Status } from "../../api/types";
import { showAge, showDuration, showTime } from "../../api/values";
import { Copy } from "../../components/detail/Copy";
import { Editable } from "../../components/detail/Editable";
import { Failure } from "../../components/States";
import { useEdit, useReadOnly } from "./edits";
import styles from "./Header.module.css";
import { Tags } from "./Tags";

const MEANING: { [status in Status]: string } = {
  running: "Its process is alive and tracks; what it tracks shows up here by itself.",
  finished: "It was closed by its script.",
  crashed:
    "Its process stopped without closing the run: it was killed, ran out of memory, or its machine went away. " +
    "What it had tracked until then is here.",
};

export function Header({ run, asked }: { run: RunDetails; asked: number }) {
  const readOnly = useReadOnly();
  const edit = useEdit(run.hash);
  return (
    <header className={styles.header}>
      <div className={styles.first}>
        <Editable
          value={run.name ?? ""}
          label="name"
          locked={readOnly}
          onSave={(name) => edit({ set: { name } })}
        >
          <h1 className={styles.name} title={run.name ?? run.hash}>
            <bdi>{run.name || <span className={styles.unnamed}>Run without a name</span>}</bdi>
          </h1>
        </Editable>
        <StatusBadge status={run.status} />
        {run.archived && <span className={styles.archived}>archived</span>}
        {!readOnly && <Actions run={run} />}
      </div>
      {run.status === "crashed" && <p className={styles.meaning}>{MEANING.crashed}</p>}
      <dl className={styles.facts}>
        <div>
          <dt>Experiment</dt>
          <dd>
            <Editable
              value={run.experiment ?? ""}
              label="experiment"
              locked={readOnly}
              onSave={(experiment) => edit({ set: { experiment } })}
            >
              <Experiment name={run.experiment} />
            </Editable>
          </dd>
        </div>
        <div>
          <dt>Hash</dt>
          <dd>
            <code className={styles.hash}>{run.hash}</code>
            <Copy text={run.hash} label="Copy the hash" />
          </dd>
        </div>
        <div>
          <dt>Created</dt>
          <dd title={showAge(run.created)}>
            <time dateTime={new Date(run.created * 1000).toISOString()}>{showTime(run.created)}</time>
          </dd>
        </div>
        <div>
          <dt>Ended</dt>
          <dd>
            {run.ended === null
              ? run.status === "crashed"
                ? "never closed"
                : "not yet"
              : showTime(run.ended)}
          </dd>
        </div>
        <div>
          <dt>Duration</dt>
          <dd>
            <Duration run={run} asked={asked} />
          </dd>
        </div>
        <div className={styles.wide}>
          <dt>Tags</dt>
          <dd>
            <Tags run={run} locked={readOnly} />
          </dd>
        </div>
        {(run.description || !readOnly) && (
          <div className={styles.wide}>
            <dt>Description</dt>
            <dd>
              <Editable
                value={run.description ?? ""}
                label="description"
                multiline
                locked={readOnly}
                onSave={(description) => edit({ set: { description } })}
              >
                <span className={styles.description}>
                  {run.description || <span className={styles.unnamed}>none</span>}
                </span>
              </Editable>
            </dd>
          </div>
        )}
      </dl>
    </header>
  );
}

export function StatusBadge({ status }: { status: Status }) {
  return (
    <span className={styles.status} data-status={status} title={MEANING[status]}>
      {status}
    </span>
  );
}

function Experiment({ name }: { name: string | null }) {
  if (!name) return <span className={styles.unnamed}>none</span>;
  const query = `run.experiment == ${JSON.stringify(name)}`;
  return (
    <Link className={styles.cut ?? ""} href={`/runs?q=${encodeURIComponent(query)}`} title={name}>
      <bdi>{name}</bdi>
    </Link>
  );
}

/** As the server said it, and growing since then while the run is on: clocks of two machines may differ. */
function Duration({ run, asked }: { run: RunDetails; asked: number }) {
  const [now, setNow] = useState(() => Date.now());
  const isRunning = run.status === "running";
  useEffect(() => {
    if (!isRunning) return;
    const timer = window.setInterval(() => setNow(Date.now()), 1000);
    return () => window.clearInterval(timer);
  }, [isRunning]);
  const grown = isRunning ? Math.max((now - asked) / 1000, 0) : 0;
  return <span className={styles.number}>{showDuration(run.duration + grown)}</span>;
}

function Actions({ run }: { run: RunDetails }) {
  const edit = useEdit(run.hash);
  const [failure, setFailure] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const act = (change: Parameters<typeof edit>[0]) => async () => {
    setBusy(true);
    setFailure(null);
    try {
      await edit(change);
    } catch (problem) {
      setFailure(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <span className={styles.actions}>
      <button type="button" onClick={act({ set: { archived: !run.archived } })} disabled={isBusy}>
        {run.archived ? <ArchiveRestore size={14} aria-hidden /> : <Archive size={14} aria-hidden />}
        {run.archived ? "Take out of the archive" : "Archive"}
      </button>
      <button
        type="button"
        onClick={act({ deleted: true })}
        disabled={isBusy}
        title="It can be undone until `runstone gc` takes the run away, a week later at the earliest"
      >
        <Trash2 size={14} aria-hidden />
        Delete
      </button>
      {failure !== null && <Failure error={failure} />}
    </span>
  );
}
