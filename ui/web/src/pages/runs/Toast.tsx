// What was just done, and a way back. It stays until it is dismissed or something else is done.

import { Undo2, X } from "lucide-react";
import type { Notice } from "./edits";
import styles from "./Runs.module.css";

export function Toast({ notice, dismiss }: { notice: Notice; dismiss: () => void }) {
  return (
    <div
      className={styles.toast}
      role={notice.isBad ? "alert" : "status"}
      data-bad={notice.isBad || undefined}
    >
      <div>
        <p>{notice.text}</p>
        {notice.note && <p className={styles.small}>{notice.note}</p>}
      </div>
      {notice.undo && (
        <button type="button" onClick={notice.undo}>
          <Undo2 size={14} aria-hidden />
          Undo
        </button>
      )}
      {notice.stop && (
        <button type="button" onClick={notice.stop}>
          Stop
        </button>
      )}
      <button type="button" data-kind="quiet" onClick={dismiss} aria-label="Dismiss">
        <X size={14} aria-hidden />
      </button>
    </div>
  );
}
