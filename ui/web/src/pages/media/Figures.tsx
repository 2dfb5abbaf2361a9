import { useVirtualizer } from "@tanstack/react-virtual";
import { useRef } from "react";
import type { FigureValue, MediaSequence } from "../../api/types";
import { Broken, isBroken } from "./Broken";
import { FigureFrame } from "./FigureFrame";
import { FigurePicture } from "./FigurePicture";
import styles from "./Figures.module.css";
import { sequenceKey } from "./key";
import view from "./MediaView.module.css";
import { SequenceHead } from "./SequenceHead";
import { StepSlider, useStep } from "./StepSlider";

/** Figures, one step of each sequence at a time: what is drawn is only what is near the screen. */
export function Figures({ sequences }: { sequences: MediaSequence<FigureValue>[] }) {
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: sequences.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => 540,
    getItemKey: (index) => (sequences[index] ? sequenceKey(sequences[index]) : index),
    overscan: 1,
  });
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <div className={view.scroll} ref={scroll} tabIndex={0}>
      <div className={view.space} style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const sequence = sequences[item.index];
          return (
            sequence && (
              <div
                key={item.key}
                ref={virtual.measureElement}
                data-index={item.index}
                className={view.place}
                style={{ transform: `translateY(${item.start}px)` }}
              >
                <FigureSequence sequence={sequence} />
              </div>
            )
          );
        })}
      </div>
    </div>
  );
}

function FigureSequence({ sequence }: { sequence: MediaSequence<FigureValue> }) {
  const [at, setAt] = useStep(sequence.points.length);
  const point = sequence.points[at];
  return (
    <section className={view.sequence} aria-label={sequence.name}>
      <SequenceHead sequence={sequence} />
      <StepSlider steps={sequence.points.map(({ step }) => step)} at={at} onChange={setAt} />
      <div className={styles.figures}>
        {point?.values.map((value, index) =>
          isBroken(value) ? (
            <Broken key={index} error={value.error} />
          ) : "blob" in value ? (
            <FigurePicture key={index} value={value} name={sequence.name} />
          ) : (
            <FigureFrame key={index} json={value.json} title={`${sequence.name}, step ${point.step}`} />
          ),
        )}
      </div>
    </section>
  );
}
