import { Download } from "lucide-react";
import { address } from "../../api/client";
import type { RunDetails } from "../../api/types";
import { showSize } from "../../api/values";
import { Copy } from "../../components/detail/Copy";
import { Empty } from "../../components/States";
import styles from "./Table.module.css";

/** The files that belong to the run: where each is, and what kept it from being stored. */
export function Artifacts({ run }: { run: RunDetails }) {
  if (run.artifacts.length === 0) {
    return (
      <Empty title="No artifacts">
        <pre>{`run = Run()\nrun.log_artifact("model.pt")\nrun.close()  # waits for what is on its way`}</pre>
      </Empty>
    );
  }
  const total = run.artifacts.reduce((sum, { size }) => sum + (size ?? 0), 0);
  return (
    <div className={styles.scroll}>
      <table className={styles.table}>
        <caption>
          {run.artifacts.length.toLocaleString("en-US")} {run.artifacts.length === 1 ? "file" : "files"},{" "}
          {showSize(total)}
        </caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col" className={styles.number}>
              Size
            </th>
            <th scope="col">SHA-256</th>
            <th scope="col">Where it is</th>
            <th scope="col">Made from</th>
          </tr>
        </thead>
        <tbody>
          {run.artifacts.map((artifact) => (
            <tr key={artifact.name}>
              <th scope="row" className={styles.name}>
                {artifact.error ? (
                  <bdi>{artifact.name}</bdi>
                ) : (
                  <a
                    href={address(`runs/${encodeURIComponent(run.hash)}/artifact`, { name: artifact.name })}
                    download
                    title={`Download ${artifact.name}`}
                  >
                    <Download size={14} aria-hidden />
                    <bdi>{artifact.name}</bdi>
                  </a>
                )}
                {artifact.error && (
                  <p className={styles.bad} role="alert">
                    It could not be stored: {artifact.error}. <code>run.artifacts[name].upload()</code> tries
                    again.
                  </p>
                )}
              </th>
              <td className={styles.number}>{artifact.size === null ? "–" : showSize(artifact.size)}</td>
              <td>
                {artifact.digest ? (
                  <span className={styles.copied}>
                    <code title={artifact.digest}>{artifact.digest.slice(0, 12)}…</code>
                    <Copy text={artifact.digest} label={`Copy the SHA-256 of ${artifact.name}`} />
                  </span>
                ) : (
                  "–"
                )}
              </td>
              <td className={styles.long}>{artifact.uri ?? "–"}</td>
              <td className={styles.long}>{artifact.path}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
