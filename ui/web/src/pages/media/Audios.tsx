import { Download } from "lucide-react";
import { useState } from "react";
import { address } from "../../api/client";
import type { AudioValue, MediaSequence } from "../../api/types";
import { VirtualList } from "../../components/VirtualList";
import styles from "./Audios.module.css";
import { Broken, isBroken } from "./Broken";
import { sequenceKey } from "./key";
import view from "./MediaView.module.css";
import { SequenceHead } from "./SequenceHead";
import { StepSlider, useStep } from "./StepSlider";

export function Audios({ sequences }: { sequences: MediaSequence<AudioValue>[] }) {
  return (
    <VirtualList
      items={sequences}
      estimate={() => 150}
      keyOf={sequenceKey}
      overscan={3}
      className={view.scroll}
    >
      {(sequence) => <AudioSequence sequence={sequence} />}
    </VirtualList>
  );
}

function AudioSequence({ sequence }: { sequence: MediaSequence<AudioValue> }) {
  const [at, setAt] = useStep(sequence.points.length);
  const point = sequence.points[at];
  return (
    <section className={view.sequence} aria-label={sequence.name}>
      <SequenceHead sequence={sequence} />
      <StepSlider steps={sequence.points.map(({ step }) => step)} at={at} onChange={setAt} />
      <div className={styles.sounds}>
        {point?.values.length === 0 && <p className={styles.none}>An empty list was tracked at this step.</p>}
        {point?.values.map((value, index) =>
          isBroken(value) ? (
            <Broken key={index} error={value.error} />
          ) : (
            <Sound key={`${index} ${value.blob}`} value={value} />
          ),
        )}
      </div>
    </section>
  );
}

function Sound({ value }: { value: AudioValue }) {
  const [isBad, setBad] = useState(false);
  const source = address(`blobs/${encodeURIComponent(value.blob)}`);
  return (
    <figure className={styles.sound}>
      {isBad ? (
        <Broken error="It cannot be played: its content is missing or damaged, or this browser does not know its format." />
      ) : (
        // biome-ignore lint/a11y/useMediaCaption: what was logged has a caption below, and no subtitles
        <audio controls preload="none" src={source} onError={() => setBad(true)} />
      )}
      <figcaption title={value.caption}>
        <bdi className={styles.caption}>{value.caption || "no caption"}</bdi>
        <span>
          {value.format}
          {value.rate !== null && `, ${value.rate.toLocaleString("en-US")} Hz`}
        </span>
        <a
          href={source}
          download={`${value.blob.slice(0, 12)}.${value.format}`}
          aria-label="Download"
          title="Download"
        >
          <Download size={14} aria-hidden />
        </a>
      </figcaption>
    </figure>
  );
}
