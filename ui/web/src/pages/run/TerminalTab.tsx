import { useState } from "react";
import type { RunDetails } from "../../api/types";
import { Records } from "./Records";
import { Terminal } from "./Terminal";
import styles from "./TerminalTab.module.css";

/** What the script printed, and what it logged in words, side by side (or one of them where there is no room). */
export function TerminalTab({ run }: { run: RunDetails }) {
  const [hasRecords, setHasRecords] = useState(false);
  return (
    <div className={styles.tab} data-records={hasRecords}>
      <Terminal run={run} />
      <Records run={run} onKnown={setHasRecords} />
    </div>
  );
}
