// How a query was answered: how many matched, how long it took, and what is not in the answer.

import type { Answer } from "../../api/types";
import styles from "../QueryBar.module.css";

const count = (number: number) => number.toLocaleString("en-US");

export function answered({ total, of, seconds }: Answer, unit: string): string {
  const time =
    seconds < 0.001
      ? "less than 1 ms"
      : seconds < 10
        ? `${Math.round(seconds * 1000)} ms`
        : `${seconds.toFixed(1)} s`;
  return `${counted(total, of, unit)} in ${time}`;
}

function counted(total: number, of: number, unit: string): string {
  const one = total === 1 ? unit.replace(/s$/, "") : unit;
  if (unit !== "runs") return `${count(total)} ${one} in ${count(of)} ${of === 1 ? "run" : "runs"}`;
  return total === of ? `${count(total)} ${one}` : `${count(total)} of ${count(of)} runs`;
}
export function AnswerLine({ answer, unit }: { answer: Answer; unit: string }) {
  const { skipped, first_error: firstError, hints, total } = answer;
  return (
    <>
      <span className={styles.count}>{answered(answer, unit)}</span>
      {skipped > 0 && (
        <details className={styles.skipped}>
          <summary>
            {count(skipped)} {skipped === 1 ? "was" : "were"} skipped, for the query failed there
          </summary>
          <p>
            The first error: <code>{firstError}</code>
          </p>
        </details>
      )}
      {total === 0 && hints.length > 0 && (
        <ul className={styles.hints}>
          {hints.map((hint) => (
            <li key={hint}>{hint}</li>
          ))}
        </ul>
      )}
    </>
  );
}
