// One image, as large as there is room. Left and right go along the row, up and down to the same place in another.
// One can be kept to compare others with: beside it, in its place by turns, or as the difference.

import { ChevronLeft, ChevronRight, Download, Pin, PinOff } from "lucide-react";
import { type KeyboardEvent, useMemo, useState } from "react";
import { Link } from "wouter";
import { showContext, showNumber, showTime } from "../../api/values";
import { Dialog } from "../../components/detail/Dialog";
import { Broken, isBroken } from "./Broken";
import type { GridRow, Item } from "./grid";
import { type Comparison, ImageStage } from "./ImageStage";
import styles from "./ImageViewer.module.css";
import { blobAddress } from "./Thumbnail";

const WAYS: [Comparison, string][] = [
  ["beside", "Side by side"],
  ["blink", "Blink"],
  ["difference", "Difference"],
];

interface Props {
  rows: GridRow[];
  /** The id of the image that is shown. */
  open: string;
  onMove: (id: string) => void;
  onClose: () => void;
}

export function ImageViewer({ rows, open, onMove, onClose }: Props) {
  const lists = useMemo(() => rows.map((row) => row.cells.flat()), [rows]);
  const [row, at] = useMemo(() => placeOf(lists, open), [lists, open]);
  const [kept, setKept] = useState<Item | null>(null);
  const [way, setWay] = useState<Comparison>("beside");
  const item = lists[row]?.[at];
  const move = (by: number) => {
    const next = lists[row]?.[at + by];
    if (next) onMove(next.id);
  };
  const moveRow = (by: number) => {
    const list = lists[row + by];
    if (!item || !list?.length) return;
    const same = list.find(({ step, index }) => step === item.step && index === item.index);
    onMove((same ?? (list[Math.min(at, list.length - 1)] as Item)).id);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
    if (event.key === "ArrowLeft") move(-1);
    else if (event.key === "ArrowRight") move(1);
    else if (event.key === "ArrowUp") moveRow(-1);
    else if (event.key === "ArrowDown") moveRow(1);
    else return;
    event.preventDefault();
  };
  if (item === undefined) {
    return (
      <Dialog title="Not here" onClose={onClose}>
        <p className={styles.none}>The image that this address names is not among those that are shown.</p>
      </Dialog>
    );
  }
  const { value, sequence } = item;
  const list = lists[row] ?? [];
  return (
    <Dialog
      title={`${sequence.name} · step ${showNumber(item.step)}`}
      onClose={onClose}
      onKeyDown={onKeyDown}
      tools={
        <>
          <button
            type="button"
            aria-pressed={kept !== null}
            onClick={() => setKept(kept ? null : item)}
            title="Keep this one to compare others with"
          >
            {kept ? <PinOff size={14} aria-hidden /> : <Pin size={14} aria-hidden />}
            <span className={styles.long}>{kept ? "Compare no more" : "Keep to compare"}</span>
          </button>
          {kept && (
            <select
              value={way}
              onChange={(event) => setWay(event.target.value as Comparison)}
              aria-label="Comparison"
            >
              {WAYS.map(([id, title]) => (
                <option key={id} value={id}>
                  {title}
                </option>
              ))}
            </select>
          )}
        </>
      }
    >
      <div className={styles.stage}>
        <button
          type="button"
          data-kind="quiet"
          onClick={() => move(-1)}
          disabled={at === 0}
          aria-label="Previous (left arrow)"
        >
          <ChevronLeft size={22} aria-hidden />
        </button>
        {isBroken(value) ? (
          <div className={styles.middle}>
            <Broken error={value.error} />
          </div>
        ) : (
          <ImageStage
            value={value}
            name={nameOf(item)}
            other={kept && !isBroken(kept.value) ? { value: kept.value, name: nameOf(kept) } : null}
            way={way}
          />
        )}
        <button
          type="button"
          data-kind="quiet"
          onClick={() => move(1)}
          disabled={at >= list.length - 1}
          aria-label="Next (right arrow)"
        >
          <ChevronRight size={22} aria-hidden />
        </button>
      </div>
      <dl className={styles.facts}>
        {!isBroken(value) && (
          <div className={styles.caption}>
            <dt>Caption</dt>
            <dd>{value.caption || "none"}</dd>
          </div>
        )}
        <div>
          <dt>Run</dt>
          <dd>
            <Link href={`/run/${encodeURIComponent(sequence.run)}`}>{sequence.run_name || sequence.run}</Link>
          </dd>
        </div>
        {showContext(sequence.context) && (
          <div>
            <dt>Context</dt>
            <dd>{showContext(sequence.context)}</dd>
          </div>
        )}
        {!isBroken(value) && (
          <div>
            <dt>Size</dt>
            <dd>
              {value.width} × {value.height} {value.format}
            </dd>
          </div>
        )}
        {item.length > 1 && (
          <div>
            <dt>In its list</dt>
            <dd>
              {item.index + 1} of {item.length}
            </dd>
          </div>
        )}
        <div>
          <dt>Tracked</dt>
          <dd>{showTime(item.time)}</dd>
        </div>
        <div>
          <dt>In the row</dt>
          <dd>
            {at + 1} of {list.length}; row {row + 1} of {rows.length}
          </dd>
        </div>
        {!isBroken(value) && (
          <a href={blobAddress(value.blob)} download={`${value.blob.slice(0, 12)}.${value.format}`}>
            <Download size={14} aria-hidden /> Download
          </a>
        )}
      </dl>
    </Dialog>
  );
}

function placeOf(lists: Item[][], id: string): [row: number, at: number] {
  for (const [row, list] of lists.entries()) {
    const at = list.findIndex((item) => item.id === id);
    if (at >= 0) return [row, at];
  }
  return [-1, -1];
}

function nameOf({ sequence, step, index, length }: Item): string {
  const place = length > 1 ? `, ${index + 1} of ${length}` : "";
  return `${sequence.run_name || sequence.run}, ${sequence.name}, step ${showNumber(step)}${place}`;
}
