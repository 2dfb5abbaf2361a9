// What is compared, and how it is drawn.

import { ChartScatter, Waypoints } from "lucide-react";
import type { Option } from "../../components/picker/expressions";
import { Picker } from "../../components/picker/Picker";
import type { Choice } from "../Compare";
import styles from "./Compare.module.css";
import type { CompareState } from "./state";

interface ComparisonBarProps {
  choice: Choice;
  options: readonly Option[];
  onChange: (state: Partial<CompareState>, replace?: boolean) => void;
}

export function ComparisonBar({ choice, options, onChange }: ComparisonBarProps) {
  const isScatter = choice.view === "scatter";
  const log = (text: string, expression: string) => (
    <button
      type="button"
      aria-pressed={choice.logs.has(expression)}
      onClick={() => {
        const logs = new Set(choice.logs);
        if (!logs.delete(expression)) logs.add(expression);
        onChange({ logs });
      }}
    >
      {text}
    </button>
  );
  return (
    <div className={styles.bar}>
      <span className={styles.tabs}>
        <button type="button" aria-pressed={isScatter} onClick={() => onChange({ view: "scatter" })}>
          <ChartScatter size={14} aria-hidden /> Scatter
        </button>
        <button type="button" aria-pressed={!isScatter} onClick={() => onChange({ view: "parallel" })}>
          <Waypoints size={14} aria-hidden /> Parallel
        </button>
      </span>
      {isScatter ? (
        <>
          <Picker
            label="x"
            options={options}
            chosen={[choice.x]}
            onChange={([x]) => onChange({ x: x ?? null })}
          />
          <Picker
            label="y"
            options={options}
            chosen={[choice.y]}
            onChange={([y]) => onChange({ y: y ?? null })}
          />
        </>
      ) : (
        <Picker
          label="Axes"
          options={options}
          chosen={choice.axes}
          several
          onChange={(axes) =>
            onChange({ axes, brushes: choice.brushes.filter((one) => axes.includes(one.expression)) })
          }
        />
      )}
      <Picker
        label="Colour"
        options={options}
        chosen={choice.colour ? [choice.colour] : []}
        optional
        nothing="one for all"
        onChange={([colour]) => onChange({ colour: colour ?? null })}
      />
      {isScatter && (
        <>
          {log("Log x", choice.x)}
          {log("Log y", choice.y)}
          <button
            type="button"
            aria-pressed={choice.trend}
            onClick={() => onChange({ trend: !choice.trend })}
          >
            Trend
          </button>
        </>
      )}
    </div>
  );
}
