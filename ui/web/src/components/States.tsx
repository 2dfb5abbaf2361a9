// What stands where there is nothing (yet): each says what that means.

import type { ReactNode } from "react";
import { ApiError } from "../api/client";
import styles from "./States.module.css";

export function Loading({ what }: { what: string }) {
  return (
    <div className={styles.state} role="status">
      <div className={styles.bar} />
      Loading {what}…
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={styles.state}>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Failure({ error }: { error: unknown }) {
  const message = error instanceof Error ? error.message : String(error);
  return (
    <div className={styles.failure} role="alert">
      <p>{message}</p>
      {error instanceof ApiError && error.hint && <p>{error.hint}</p>}
    </div>
  );
}
