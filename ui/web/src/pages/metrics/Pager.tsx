// Which part of a long answer is shown.

import { ChevronLeft, ChevronRight } from "lucide-react";
import styles from "./Metrics.module.css";
import { LIMIT } from "./useCurves";

interface PagerProps {
  offset: number;
  here: number;
  total: number;
  aggregated: boolean;
  onOffset: (offset: number) => void;
}

export function Pager({ offset, here, total, aggregated, onOffset }: PagerProps) {
  if (total <= LIMIT && offset === 0) return null;
  const number = (value: number) => value.toLocaleString("en-US");
  return (
    <nav className={styles.pager} aria-label="Parts of the answer">
      <button
        type="button"
        aria-label="Curves before these"
        disabled={offset === 0}
        onClick={() => onOffset(Math.max(0, offset - LIMIT))}
      >
        <ChevronLeft size={14} aria-hidden />
      </button>
      <span>
        {here === 0 ? "none" : `${number(offset + 1)}–${number(offset + here)}`} of {number(total)} shown
      </span>
      <button
        type="button"
        aria-label="Curves behind these"
        disabled={offset + here >= total}
        onClick={() => onOffset(offset + LIMIT)}
      >
        <ChevronRight size={14} aria-hidden />
      </button>
      {aggregated && <span className={styles.warning}>groups are made of these alone</span>}
    </nav>
  );
}
