import { FileWarning } from "lucide-react";
import type { Unreadable } from "../../api/types";
import styles from "./MediaView.module.css";

/** Stands where an object should be that cannot be read. */
export function Broken({ error }: { error: string }) {
  return (
    <div className={styles.broken} role="alert">
      <FileWarning size={16} aria-hidden />
      <span>{error}</span>
    </div>
  );
}

export function isBroken<V extends object>(value: V | Unreadable): value is Unreadable {
  return "error" in value;
}
