// No run of this hash: it never was, or it was deleted. What was deleted can be brought back until `gc`.

import { useState } from "react";
import { Link } from "wouter";
import { ApiError } from "../../api/client";
import { Empty, Failure } from "../../components/States";
import { useEdit, useReadOnly } from "./edits";
import styles from "./RunPage.module.css";

const DELETED = "DeletedRunError";

export function isMissing(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

export function MissingRun({ hash, error }: { hash: string; error: unknown }) {
  const readOnly = useReadOnly();
  const edit = useEdit(hash);
  const [failure, setFailure] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const isDeleted = error instanceof ApiError && error.kind === DELETED;
  const restore = async () => {
    setBusy(true);
    setFailure(null);
    try {
      await edit({ deleted: false });
    } catch (problem) {
      setFailure(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Empty title={isDeleted ? "This run was deleted" : "There is no such run"}>
      <code className={styles.hash}>{hash}</code>
      <p>
        {isDeleted
          ? "Everything in it is still there, until `runstone gc` takes it away: a week after the deletion at the earliest."
          : error instanceof Error
            ? error.message
            : ""}
      </p>
      <div className={styles.missing}>
        {isDeleted && !readOnly && (
          <button type="button" data-kind="main" onClick={restore} disabled={isBusy}>
            {isBusy ? "Restoring…" : "Restore it"}
          </button>
        )}
        {isDeleted && readOnly && <code>runstone runs restore {hash}</code>}
        <Link href="/runs">To the runs</Link>
      </div>
      {failure !== null && <Failure error={failure} />}
    </Empty>
  );
}
