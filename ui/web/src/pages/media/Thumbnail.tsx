import { ImageOff } from "lucide-react";
import { memo, useState } from "react";
import { address } from "../../api/client";
import { showNumber } from "../../api/values";
import { isBroken } from "./Broken";
import type { Item } from "./grid";
import styles from "./Thumbnail.module.css";

export function blobAddress(blob: string): string {
  return address(`blobs/${encodeURIComponent(blob)}`);
}

interface Props {
  item: Item;
  size: number;
  /** How high the line below it is. */
  caption: number;
  onOpen: (id: string) => void;
}

/** A small image with its caption. One that cannot be shown says so in its place. */
export const Thumbnail = memo(function Thumbnail({ item, size, caption, onOpen }: Props) {
  const [isBad, setBad] = useState(false);
  const { value, sequence, step } = item;
  const error = isBroken(value)
    ? value.error
    : isBad
      ? "It cannot be shown: missing, damaged or of another format."
      : "";
  const text = isBroken(value) ? "damaged" : value.caption;
  const about = `${sequence.name}, step ${showNumber(step)}${text && `: ${text}`}`;
  return (
    <button
      type="button"
      className={styles.thumbnail}
      style={{ width: size, height: size + caption }}
      onClick={() => onOpen(item.id)}
      title={error || about}
      aria-label={error ? `${about}. ${error}` : about}
    >
      {error || isBroken(value) ? (
        <span className={styles.bad} style={{ height: size }}>
          <ImageOff size={Math.min(24, size / 2)} aria-hidden />
        </span>
      ) : (
        <img
          src={blobAddress(value.blob)}
          alt=""
          loading="lazy"
          decoding="async"
          style={{ height: size }}
          data-small={value.width < size && value.height < size}
          onError={() => setBad(true)}
        />
      )}
      <span className={styles.caption} style={{ height: caption }}>
        {text}
      </span>
    </button>
  );
});
