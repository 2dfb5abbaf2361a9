import type { RunDetails } from "../../api/types";
import { StatusBadge } from "./Header";
import styles from "./Overview.module.css";

/** The processes that wrote the run, each a log of its own. */
export function Writers({ run }: { run: RunDetails }) {
  return (
    <>
      <div className={styles.head}>
        <h2>Writers</h2>
        <span className={styles.quiet}>{run.writers.length.toLocaleString("en-US")}</span>
      </div>
      <div className={styles.body}>
        <div className={styles.list}>
          <table>
            <tbody>
              {run.writers.map((writer) => (
                <tr key={writer.id}>
                  <td>
                    {writer.host}, process {writer.pid}
                  </td>
                  <td title="its log's name">{writer.id}</td>
                  <td>
                    <StatusBadge status={writer.status} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </div>
    </>
  );
}
