// How values are spread, over steps: a map (or ridges) of all steps, and the histogram of one.

import { useCallback, useMemo, useRef, useState } from "react";
import { useAddress } from "../../address";
import type { DistributionValue, MediaSequence } from "../../api/types";
import { showNumber } from "../../api/values";
import { shortNumber } from "../../components/detail/short";
import { VirtualList } from "../../components/VirtualList";
import { Broken, isBroken } from "./Broken";
import { Canvas, type Paint } from "./Canvas";
import styles from "./Distributions.module.css";
import { binAt, type Column, edges, type Range, rangeOf } from "./histogram";
import { sequenceKey } from "./key";
import view from "./MediaView.module.css";
import { chosenRidges, paintBars, paintHeat, paintMarks, paintRidges } from "./paint";
import { SequenceHead } from "./SequenceHead";
import { StepSlider, useStep } from "./StepSlider";

type Way = "heat" | "ridges";
type Sequence = MediaSequence<DistributionValue>;

export function Distributions({ sequences }: { sequences: Sequence[] }) {
  const [parameters, change] = useAddress();
  const way: Way = parameters.get("way") === "ridges" ? "ridges" : "heat";
  return (
    <>
      <div className={view.controls}>
        <label>
          Over steps
          <select
            value={way}
            onChange={(event) => change({ way: event.target.value === "heat" ? null : "ridges" })}
          >
            <option value="heat">map</option>
            <option value="ridges">ridges</option>
          </select>
        </label>
      </div>
      <VirtualList
        items={sequences}
        estimate={() => 330}
        keyOf={sequenceKey}
        overscan={1}
        className={view.scroll}
      >
        {(sequence) => <DistributionSequence sequence={sequence} way={way} />}
      </VirtualList>
    </>
  );
}

function DistributionSequence({ sequence, way }: { sequence: Sequence; way: Way }) {
  const [place, setPlace] = useState(0);
  const longest = Math.max(...sequence.points.map(({ values }) => values.length), 1);
  const columns = useMemo(
    () =>
      sequence.points.flatMap(({ step, values }): Column[] => {
        const value = values[place];
        return value ? [{ step, value }] : [];
      }),
    [sequence, place],
  );
  const range = useMemo(() => rangeOf(columns), [columns]);
  const [at, setAt] = useStep(columns.length);
  const column = columns[at];
  return (
    <section className={view.sequence} aria-label={sequence.name}>
      <SequenceHead sequence={sequence} />
      <div className={styles.pair}>
        {range === null ? (
          <p className={styles.said}>
            {columns.length ? "There are no bins." : "Nothing was tracked in this place."}
          </p>
        ) : (
          <OverSteps columns={columns} range={range} way={way} onChoose={setAt} />
        )}
        <div className={styles.single}>
          {column && isBroken(column.value) && <Broken error={column.value.error} />}
          {column && range && !isBroken(column.value) && <Histogram value={column.value} range={range} />}
          <div className={styles.foot}>
            {columns.length > 0 && (
              <StepSlider steps={columns.map(({ step }) => step)} at={at} onChange={setAt} />
            )}
            {longest > 1 && (
              <label>
                place{" "}
                <select value={place} onChange={(event) => setPlace(Number(event.target.value))}>
                  {Array.from({ length: longest }, (_, k) => (
                    <option key={k} value={k}>
                      {k + 1} of {longest}
                    </option>
                  ))}
                </select>
              </label>
            )}
          </div>
        </div>
      </div>
    </section>
  );
}

interface OverProps {
  columns: Column[];
  range: Range;
  way: Way;
  onChoose: (at: number) => void;
}

function OverSteps({ columns, range, way, onChoose }: OverProps) {
  const [said, setSaid] = useState("");
  const pointed = useRef<number | null>(null);
  const steps = columns.map(({ step }) => step);
  const paint: Paint = useCallback(
    (context, box, colours) => {
      const values = [0, 0.5, 1].map((share) => [share, shortNumber(at(range, share))] as const);
      if (way === "ridges") {
        paintRidges(context, box, columns, range, colours);
        paintMarks(context, box, "bottom", values, colours);
        const [first, last] = [columns[0]?.step ?? 0, columns.at(-1)?.step ?? 0];
        paintMarks(
          context,
          box,
          "left",
          [
            [0, showNumber(last)],
            [0.7, showNumber(first)],
          ],
          colours,
        );
        return;
      }
      paintHeat(context, box, columns, range, colours);
      paintMarks(context, box, "left", values, colours);
      const marks = [0, 0.5, 1].map((share) => Math.round(share * (columns.length - 1)));
      const shown = [...new Set(marks)].map(
        (k) => [(k + 0.5) / columns.length, showNumber(columns[k]?.step ?? 0)] as const,
      );
      paintMarks(context, box, "bottom", shown, colours);
    },
    [columns, range, way],
  );
  const point = (place: { x: number; y: number } | null) => {
    pointed.current = null;
    if (place === null) return setSaid("");
    if (way === "ridges") return setSaid(`value ${showNumber(at(range, place.x))}`);
    const index = Math.min(Math.floor(place.x * columns.length), columns.length - 1);
    pointed.current = index;
    const column = columns[index];
    if (column) setSaid(`step ${showNumber(column.step)} · ${binText(column.value, at(range, place.y))}`);
  };
  const hint = way === "ridges" ? `${chosenRidges(columns.length).length} of ${columns.length} steps` : "";
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the slider beside does the same by keyboard
    // biome-ignore lint/a11y/useKeyWithClickEvents: the slider beside does the same by keyboard
    <div
      className={styles.over}
      onClick={() => {
        if (pointed.current !== null) onChoose(pointed.current);
      }}
    >
      <Canvas
        paint={paint}
        onPoint={point}
        label={`Distributions of steps ${steps[0]} to ${steps.at(-1)}, values from ${range.low} to ${range.high}`}
      />
      <p className={styles.said}>{said || hint || " "}</p>
    </div>
  );
}

function Histogram({ value, range }: { value: DistributionValue; range: Range }) {
  const [pointed, setPointed] = useState<number | null>(null);
  const bin = pointed === null ? null : binAt(value, pointed);
  const paint: Paint = useCallback(
    (context, box, colours) => {
      paintBars(context, box, value, range, bin, colours);
      const most = value.weights.reduce((max, weight) => Math.max(max, weight), 0);
      paintMarks(
        context,
        box,
        "left",
        [
          [0, "0"],
          [1, shortNumber(most)],
        ],
        colours,
      );
      paintMarks(
        context,
        box,
        "bottom",
        [0, 0.5, 1].map((share) => [share, shortNumber(at(range, share))]),
        colours,
      );
    },
    [value, range, bin],
  );
  const total = value.weights.reduce((sum, weight) => sum + weight, 0);
  return (
    <>
      <Canvas
        paint={paint}
        onPoint={(place) => setPointed(place && at(range, place.x))}
        label={`Histogram: ${value.weights.length} bins from ${value.low} to ${value.high}`}
      />
      <p className={styles.said}>
        {pointed === null
          ? `${value.weights.length} bins, weight ${showNumber(total)} in all`
          : binText(value, pointed)}
      </p>
    </>
  );
}

function at(range: Range, share: number): number {
  return range.low + share * (range.high - range.low);
}

function binText(value: Column["value"], where: number): string {
  if (isBroken(value)) return value.error;
  const bin = binAt(value, where);
  if (bin === null) return `${showNumber(where)}: no bin`;
  const [low, high] = edges(value, bin);
  return `bin ${bin} from ${showNumber(low)} to ${showNumber(high)}: weight ${showNumber(value.weights[bin] ?? 0)}`;
}
