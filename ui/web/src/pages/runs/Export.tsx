// The runs that match, as a file.

import { Download } from "lucide-react";
import { address } from "../../api/client";
import { Popover } from "../../components/popover/Popover";
import styles from "./Runs.module.css";

interface ExportProps {
  query: string;
  order: string | null;
  descending: boolean;
  expressions: readonly string[];
}

const FORMATS = [
  ["csv", "CSV"],
  ["parquet", "Parquet"],
  ["json", "JSON"],
] as const;

export function Export({ query, order, descending, expressions }: ExportProps) {
  const link = (format: string, columns: readonly string[]) =>
    address("export", {
      format,
      q: query,
      order_by: order,
      descending: order === null ? null : descending,
      column: columns,
    });
  return (
    <Popover
      label="Export the runs that match"
      menu
      button={
        <>
          <Download size={14} aria-hidden />
          Export
        </>
      }
    >
      {(close) => (
        <>
          {expressions.length > 0 && <p className={styles.menuHead}>With the columns of the table</p>}
          {expressions.length > 0 &&
            FORMATS.map(([format, name]) => (
              <a key={format} role="menuitem" href={link(format, expressions)} download onClick={close}>
                {name}
              </a>
            ))}
          <p className={styles.menuHead}>With all parameters and metrics</p>
          {FORMATS.map(([format, name]) => (
            <a key={format} role="menuitem" href={link(format, [])} download onClick={close}>
              {name}
            </a>
          ))}
        </>
      )}
    </Popover>
  );
}
