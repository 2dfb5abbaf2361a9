import { useEffect, useRef, useState } from "react";
import type { ImageValue } from "../../api/types";
import { Broken } from "./Broken";
import styles from "./ImageStage.module.css";
import { blobAddress } from "./Thumbnail";

export type Comparison = "beside" | "blink" | "difference";

interface Shown {
  value: ImageValue;
  name: string;
}

/** An image as large as its place allows: whole pixels for small ones. With another: a comparison. */
export function ImageStage({
  value,
  name,
  other,
  way,
}: Shown & {
  other: Shown | null;
  way: Comparison;
}) {
  const turn = useTurn(other !== null && way === "blink");
  const mine = { value, name };
  if (other === null) return <Fitted images={[mine]} />;
  if (way === "beside") {
    return (
      <div className={styles.beside}>
        <Captioned shown={other} label="kept" />
        <Captioned shown={mine} label="this" />
      </div>
    );
  }
  if (way === "blink") return <Captioned shown={turn ? other : mine} label={turn ? "kept" : "this"} />;
  return <Fitted images={[other, mine]} />;
}

function Captioned({ shown, label }: { shown: Shown; label: string }) {
  return (
    <figure className={styles.captioned}>
      <Fitted images={[shown]} />
      <figcaption title={shown.name}>
        {label}: {shown.name}
      </figcaption>
    </figure>
  );
}

/** Images on top of each other, the ones above as the difference from what is below. */
function Fitted({ images }: { images: Shown[] }) {
  const place = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState({ width: 0, height: 0 });
  const [bad, setBad] = useState("");
  useEffect(() => {
    if (place.current === null) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setRoom({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  const first = images[0]?.value;
  if (first === undefined) return null;
  const scale = scaleOf(first, room);
  const blobs = images.map(({ value }) => value.blob).join();
  return (
    <div className={styles.fitted} ref={place}>
      {bad === blobs ? (
        <Broken error="It cannot be shown: its content is missing or damaged, or this browser does not know its format." />
      ) : (
        <div className={styles.stack}>
          {images.map(({ value, name }, index) => (
            <img
              key={`${index} ${value.blob}`}
              src={blobAddress(value.blob)}
              alt={value.caption || name}
              width={Math.round(first.width * scale)}
              height={Math.round(first.height * scale)}
              data-pixels={scale >= 2}
              data-difference={index > 0}
              onError={() => setBad(blobs)}
            />
          ))}
        </div>
      )}
    </div>
  );
}

/** As large as fits: shrunk as needed, enlarged in whole steps and to 24 times at most. */
function scaleOf(value: ImageValue, room: { width: number; height: number }): number {
  const most = Math.min(room.width / Math.max(value.width, 1), room.height / Math.max(value.height, 1));
  return most >= 1 ? Math.min(Math.floor(most), 24) : most;
}

function useTurn(isOn: boolean): boolean {
  const [turn, setTurn] = useState(false);
  useEffect(() => {
    if (!isOn) return;
    const timer = window.setInterval(() => setTurn((now) => !now), 700);
    return () => window.clearInterval(timer);
  }, [isOn]);
  return isOn && turn;
}
