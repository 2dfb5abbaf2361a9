// How much curves are smoothed: the server is asked when the slider has come to rest.

import { useEffect, useRef, useState } from "react";
import styles from "./Toolbar.module.css";

// beyond 0.99 each step matters more
const STEPS = [...Array.from({ length: 100 }, (_, step) => step / 100), 0.995, 0.999];

export function Smoothing({ value, onChange }: { value: number; onChange: (value: number) => void }) {
  const [shown, setShown] = useState(value);
  const timer = useRef(0);
  useEffect(() => setShown(value), [value]);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  const at = STEPS.findLastIndex((step) => step <= shown);
  return (
    <label className={styles.slider} title="Exponential moving average, over all points">
      <span>Smoothing</span>
      <input
        type="range"
        min={0}
        max={STEPS.length - 1}
        value={at}
        aria-valuetext={shown === 0 ? "none" : String(shown)}
        onChange={(event) => {
          const next = STEPS[Number(event.target.value)] ?? 0;
          setShown(next);
          window.clearTimeout(timer.current);
          timer.current = window.setTimeout(() => onChange(next), 200);
        }}
      />
      <output>{shown === 0 ? "none" : shown}</output>
    </label>
  );
}
