import type { RunDetails } from "../../api/types";
import { Machine } from "./Machine";
import { Notes } from "./Notes";
import styles from "./Overview.module.css";
import { Parameters } from "./Parameters";
import { Problems } from "./Problems";
import { Writers } from "./Writers";

export function Overview({ run }: { run: RunDetails }) {
  return (
    <div className={styles.overview}>
      {run.problems.length > 0 && <Problems problems={run.problems} />}
      <div className={styles.columns}>
        <section className={styles.card} aria-label="Parameters">
          <Parameters run={run} />
        </section>
        <div className={styles.side}>
          <section className={styles.card} aria-label="Notes">
            <Notes run={run} />
          </section>
          <section className={styles.card} aria-label="Writers">
            <Writers run={run} />
          </section>
          <section className={styles.card} aria-label="Where it ran">
            <Machine system={run.system} />
          </section>
        </div>
      </div>
    </div>
  );
}
