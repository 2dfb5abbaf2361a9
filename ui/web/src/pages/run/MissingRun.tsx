// No run of this hash: it never was, or it was deleted. What was deleted can be brought back until `gc`.

import { ArchiveRestore } from "lucide-react";
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

/** `wasHere`: it was shown a moment ago. */
export function MissingRun({ hash, error, wasHere }: { hash: string; error: unknown; wasHere: boolean }) {
  const readOnly = useReadOnly();
  const edit = useEdit(hash);
  const [failure, setFailure] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const isDeleted = wasHere || (error instanceof ApiError && error.kind === DELETED);
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
    <>
      <h1 className="visually-hidden">Run {hash}</h1>
      <Empty title={isDeleted ? "This run was deleted" : "There is no such run"}>
        <code className={styles.hash}>{hash}</code>
        <p className={styles.words}>
          {isDeleted
            ? "Nothing shows it any more. Everything in it is still there until `runstone gc` takes it away: a week after the " +
              "deletion at the earliest."
            : "The hash may be mistyped, or of another repository. If the run was deleted, it can be brought back as long as " +
              "`runstone gc` has not taken it away."}
        </p>
        <div className={styles.missing}>
          {readOnly ? (
            <code>runstone runs restore {hash}</code>
          ) : (
            <button
              type="button"
              data-kind={isDeleted ? "main" : undefined}
              onClick={restore}
              disabled={isBusy}
            >
              <ArchiveRestore size={14} aria-hidden />
              {isBusy ? "Restoring…" : isDeleted ? "Undo the deletion" : "Restore it, if it was deleted"}
            </button>
          )}
          <Link href="/runs">To the runs</Link>
        </div>
        {failure !== null && <Failure error={failure} />}
      </Empty>
    </>
  );
}
