import type { FigureValue, MediaSequence } from "../../api/types";
import { VirtualList } from "../../components/VirtualList";
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
  return (
    <VirtualList
      items={sequences}
      estimate={() => 540}
      keyOf={sequenceKey}
      overscan={1}
      className={view.scroll}
    >
      {(sequence) => <FigureSequence sequence={sequence} />}
    </VirtualList>
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
