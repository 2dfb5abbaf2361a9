import { useEffect, useState } from "react";
import { showNumber } from "../../api/values";
import styles from "./StepSlider.module.css";

/** The number of the step that is shown; it stays at the last one while new ones come, unless one has chosen. */
export function useStep(count: number): [number, (at: number) => void] {
  const [chosen, setChosen] = useState<number | null>(null);
  const at = chosen === null ? count - 1 : Math.min(chosen, count - 1);
  return [Math.max(at, 0), (next) => setChosen(next >= count - 1 ? null : next)];
}

/** A slider along the steps of a sequence. `onChange` gets the number of the step, not its value. */
export function StepSlider({
  steps,
  at,
  onChange,
}: {
  steps: readonly number[];
  at: number;
  onChange: (at: number) => void;
}) {
  const [moved, setMoved] = useState(at);
  useEffect(() => setMoved(at), [at]);
  if (steps.length < 2) return <span className={styles.step}>step {showNumber(steps[0] ?? 0)}</span>;
  return (
    <label className={styles.slider}>
      <span className={styles.step}>step {showNumber(steps[moved] ?? 0)}</span>
      <input
        type="range"
        min={0}
        max={steps.length - 1}
        value={moved}
        aria-label="Step"
        aria-valuetext={`step ${steps[moved]}`}
        onChange={(event) => {
          setMoved(Number(event.target.value));
          onChange(Number(event.target.value));
        }}
      />
    </label>
  );
}
