// How the curves are drawn.

import { SlidersHorizontal } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import type { Names } from "../../api/types";
import { showNumber } from "../../api/values";
import { rampGradient } from "../../components/colouring/colouring";
import { groupingOptions, type Option } from "../../components/picker/expressions";
import { Picker } from "../../components/picker/Picker";
import { useTheme } from "../../theme";
import { Smoothing } from "./Smoothing";
import type { Band, Centre, MetricsState } from "./state";
import styles from "./Toolbar.module.css";

interface ToolbarProps {
  state: MetricsState;
  names: Names | undefined;
  /** The values at the ends of the colours, where they are a scale. */
  scale: [number, number] | null;
  /** How many strokes are asked for, and how many there are. */
  strokes: { wanted: number; there: number } | null;
  onChange: (state: Partial<MetricsState>, replace?: boolean) => void;
  /** What stands behind it in the same row. */
  children?: ReactNode;
}

const BAND_NAMES: { [band in Band]: string } = {
  none: "no band",
  range: "min to max",
  deviation: "± standard deviation",
  error: "± standard error",
  quartiles: "middle half (quartiles)",
};

const METRIC_X = /^metric:./;

export function Toolbar({ state, names, scale, strokes, onChange, children }: ToolbarProps) {
  const [open, setOpen] = useState(false);
  const groupings = useMemo(() => groupingOptions(names), [names]);
  const xs = useMemo(() => xOptions(names), [names]);
  const theme = useTheme();
  const group = (label: string, part: "colour" | "stroke" | "chart", nothing: string) => (
    <Picker
      label={label}
      options={groupings}
      chosen={state[part]}
      several
      optional
      nothing={nothing}
      onChange={(chosen) =>
        onChange({
          [part]: chosen,
          ...(part === "chart" ? { yRanges: new Map() } : {}),
          ...(state.aggregate ? { hidden: new Set(), only: null } : {}),
        })
      }
    />
  );
  return (
    <div className={styles.bar} data-open={open || undefined}>
      <button
        type="button"
        className={styles.opener}
        aria-expanded={open}
        aria-controls="metrics-settings"
        onClick={() => setOpen(!open)}
      >
        <SlidersHorizontal size={14} aria-hidden /> How to draw
      </button>
      <div className={styles.settings} id="metrics-settings">
        <Picker
          label="x"
          options={xs}
          chosen={[state.x]}
          writable={METRIC_X}
          onChange={([x]) => onChange({ x: x ?? "step", xRange: null })}
        />
        {group("Colour", "colour", "one for all")}
        {group("Stroke", "stroke", "unbroken")}
        {group("Charts", "chart", "one for all")}
        <Aggregates state={state} onChange={onChange} />
        <Smoothing value={state.smooth} onChange={(smooth) => onChange({ smooth }, true)} />
        <span className={styles.toggles}>
          <Toggle text="Log x" on={state.logX} set={(logX) => onChange({ logX })} />
          <Toggle text="Log y" on={state.logY} set={(logY) => onChange({ logY })} />
          <Toggle
            text="Ignore outliers"
            title="Fit y to what lies between the 2nd and the 98th percentile"
            on={state.trimmed}
            set={(trimmed) => onChange({ trimmed })}
          />
        </span>
        {scale && (
          <span className={styles.scale}>
            {showNumber(scale[0])}
            <i style={{ background: rampGradient(theme) }} />
            {showNumber(scale[1])}
          </span>
        )}
        {strokes && strokes.wanted > strokes.there && (
          <span className={styles.warning}>
            {strokes.wanted} groups share {strokes.there} strokes
          </span>
        )}
      </div>
      {children}
    </div>
  );
}

function Aggregates({ state, onChange }: Pick<ToolbarProps, "state" | "onChange">) {
  const { aggregate } = state;
  const anew = { hidden: new Set<string>(), only: null };
  return (
    <span className={styles.aggregates}>
      <select
        aria-label="Aggregate"
        value={aggregate?.centre ?? "none"}
        onChange={({ target }) =>
          onChange({
            ...anew,
            aggregate:
              target.value === "none"
                ? null
                : { centre: target.value as Centre, band: aggregate?.band ?? "range" },
          })
        }
      >
        <option value="none">Each curve</option>
        <option value="mean">Mean of groups</option>
        <option value="median">Median of groups</option>
      </select>
      {aggregate && (
        <select
          aria-label="Band"
          value={aggregate.band}
          onChange={({ target }) => onChange({ aggregate: { ...aggregate, band: target.value as Band } })}
        >
          {Object.entries(BAND_NAMES).map(([band, name]) => (
            <option key={band} value={band}>
              {name}
            </option>
          ))}
        </select>
      )}
    </span>
  );
}

function Toggle({
  text,
  title,
  on,
  set,
}: {
  text: string;
  title?: string;
  on: boolean;
  set: (on: boolean) => void;
}) {
  return (
    <button type="button" aria-pressed={on} title={title} onClick={() => set(!on)}>
      {text}
    </button>
  );
}

const FIXED: readonly Option[] = [
  { expression: "step", label: "step", section: "Of each point" },
  { expression: "epoch", label: "epoch", section: "Of each point" },
  { expression: "time", label: "time of day", section: "Of each point" },
  { expression: "relative", label: "time since the run's start", section: "Of each point" },
];

function xOptions(names: Names | undefined): Option[] {
  const metrics = new Set((names?.metrics ?? []).map((metric) => metric.name));
  return [
    ...FIXED,
    ...[...metrics].map((name) => ({ expression: `metric:${name}`, label: name, section: "Another metric" })),
  ];
}
