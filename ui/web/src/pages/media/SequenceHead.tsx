import { Link } from "wouter";
import type { SequenceHead as Head } from "../../api/types";
import { showContext } from "../../api/values";
import styles from "./SequenceHead.module.css";

/** Which sequence this is: its name and context, and the run, as a link. */
export function SequenceHead({ sequence }: { sequence: Head }) {
  const context = showContext(sequence.context);
  const run = sequence.run_name || sequence.run;
  return (
    <h2 className={styles.head} title={`${sequence.name} ${context} · ${run}`}>
      <bdi className={styles.name}>{sequence.name}</bdi>
      {context && <bdi className={styles.context}>{context}</bdi>}
      <Link href={`/run/${encodeURIComponent(sequence.run)}`}>
        <bdi>{run}</bdi>
      </Link>
      {sequence.status === "running" && <span className={styles.live}>running</span>}
    </h2>
  );
}
