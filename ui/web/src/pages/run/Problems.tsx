import { TriangleAlert } from "lucide-react";
import type { RunDetails } from "../../api/types";
import { showSize } from "../../api/values";
import { Copy } from "../../components/detail/Copy";
import styles from "./Problems.module.css";

/** Which parts of the run's logs are not what was written, and what to do about it. */
export function Problems({ problems }: { problems: RunDetails["problems"] }) {
  return (
    <section className={styles.problems} aria-label="Damage" role="alert">
      <h2>
        <TriangleAlert size={16} aria-hidden />
        {problems.length === 1
          ? "A part of this run is damaged"
          : `${problems.length} parts of this run are damaged`}
      </h2>
      <p>
        What stood there is left out of everything that you see here; the rest is proven to be what was
        written. <code>runstone fsck</code> looks at every byte and says what can be brought back.
        <Copy text="runstone fsck" label="Copy the command runstone fsck" />
      </p>
      <div className={styles.scroll}>
        <table>
          <thead>
            <tr>
              <th scope="col">File</th>
              <th scope="col">From byte</th>
              <th scope="col">To byte</th>
              <th scope="col">Size</th>
              <th scope="col">What is wrong</th>
            </tr>
          </thead>
          <tbody>
            {problems.map((problem) => (
              <tr key={`${problem.file} ${problem.start}`}>
                <td className={styles.file}>{problem.file}</td>
                <td>{problem.start.toLocaleString("en-US")}</td>
                <td>{problem.end.toLocaleString("en-US")}</td>
                <td>{showSize(Math.max(problem.end - problem.start, 0))}</td>
                <td className={styles.reason}>{problem.reason}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
