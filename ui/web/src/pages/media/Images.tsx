// Images as a grid: a row for each group, a column for each step. Only what is seen is in the page.

import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import { Link } from "wouter";
import { useAddress } from "../../address";
import type { MediaReply } from "../../api/types";
import { showNumber } from "../../api/values";
import { GroupMenu } from "./GroupMenu";
import {
  DEFAULT_GROUP,
  type Grid,
  type GridRow,
  gridOf,
  groupTitle,
  SHOWN,
  type Shape,
  shapeOf,
} from "./grid";
import styles from "./Images.module.css";
import { ImageViewer } from "./ImageViewer";
import view from "./MediaView.module.css";
import type { MediaRequest } from "./request";
import { Thumbnail } from "./Thumbnail";

const GAP = 4;
const HEAD = 30; // of a row: its labels
const CAPTION = 17;
const PAD = 16;

export function Images({ reply, request }: { reply: MediaReply<"images">; request: MediaRequest }) {
  const [parameters, change] = useAddress();
  const chosen = parameters.getAll("group").join("\n");
  const keys = useMemo(() => (chosen ? chosen.split("\n") : DEFAULT_GROUP), [chosen]);
  const size = sizeOf(parameters.get("size"));
  const [shownSize, setShownSize] = useState(size);
  useEffect(() => setShownSize(size), [size]);
  const grid = useMemo(
    () => gridOf(reply.sequences, keys, request.attributes),
    [reply, keys, request.attributes],
  );
  const count = grid.rows.reduce((sum, row) => sum + row.count, 0);
  const open = parameters.get("open");
  return (
    <>
      <div className={view.controls}>
        <GroupMenu
          sequences={reply.sequences}
          keys={keys}
          onChange={(next) => change({ group: next.join() === DEFAULT_GROUP.join() ? null : next })}
        />
        <label>
          Size
          <input
            className={styles.slider}
            type="range"
            min={32}
            max={384}
            step={16}
            value={shownSize}
            onChange={(event) => setShownSize(Number(event.target.value))}
            onPointerUp={() => change({ size: String(shownSize) }, { replace: true })}
            onKeyUp={() => change({ size: String(shownSize) }, { replace: true })}
            aria-valuetext={`${shownSize} pixels`}
          />
        </label>
        <span className={view.said} role="status">
          {count.toLocaleString("en-US")} images in {grid.rows.length.toLocaleString("en-US")}{" "}
          {grid.rows.length === 1 ? "row" : "rows"}
        </span>
      </div>
      <ImageGrid grid={grid} size={shownSize} onOpen={(id) => change({ open: id })} />
      {open !== null && (
        <ImageViewer
          rows={grid.rows}
          open={open}
          onMove={(id) => change({ open: id }, { replace: true })}
          onClose={() => change({ open: null })}
        />
      )}
    </>
  );
}

function sizeOf(text: string | null): number {
  const size = Number(text ?? 112);
  return Number.isFinite(size) ? Math.min(Math.max(size, 32), 384) : 112;
}

interface GridProps {
  grid: Grid;
  size: number;
  onOpen: (id: string) => void;
}

function ImageGrid({ grid, size, onOpen }: GridProps) {
  const scroll = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(900);
  useEffect(() => {
    if (scroll.current === null) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(entry.contentRect.width));
    observer.observe(scroll.current);
    return () => observer.disconnect();
  }, []);
  const widest = Math.floor((width - 2 * PAD) / (size + GAP));
  const shape = useMemo(() => shapeOf(grid, widest), [grid, widest]);
  const cellWidth = (column: number) => (shape.across[column] ?? 1) * (size + GAP) + 12;
  const rowHeight = (row: number) => HEAD + (shape.down[row] ?? 1) * (size + CAPTION + GAP) + 10;
  const rows = useVirtualizer({
    count: grid.rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: rowHeight,
    getItemKey: (index) => grid.rows[index]?.id ?? index,
    scrollPaddingStart: grid.steps.length ? 26 : 0,
    overscan: 2,
  });
  const columns = useVirtualizer({
    horizontal: true,
    count: shape.across.length,
    getScrollElement: () => scroll.current,
    estimateSize: cellWidth,
    overscan: 3,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: sizes are computed from these, and measured anew
  useEffect(() => {
    rows.measure();
    columns.measure();
  }, [size, shape, rows, columns]);
  const across = columns.getVirtualItems();
  const total = Math.max(columns.getTotalSize() + 2 * PAD, width);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <div className={view.scroll} ref={scroll} tabIndex={0}>
      <div style={{ width: total }}>
        {grid.steps.length > 0 && (
          <div className={styles.steps}>
            {across.map((column) => (
              <span
                key={column.key}
                className={styles.step}
                style={{ left: column.start + PAD, width: column.size }}
              >
                step {showNumber(grid.steps[column.index] ?? 0)}
              </span>
            ))}
          </div>
        )}
        <div className={view.space} style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((item) => {
            const row = grid.rows[item.index];
            return (
              row && (
                <div
                  key={item.key}
                  className={styles.row}
                  style={{ transform: `translateY(${item.start}px)`, height: item.size, width: total }}
                >
                  <RowHead row={row} width={width} />
                  {across.map((column) => (
                    <div
                      key={column.key}
                      className={styles.cell}
                      style={{ left: column.start + PAD, top: HEAD, width: column.size, gap: GAP }}
                    >
                      <Cell row={row} column={column.index} shape={shape} size={size} onOpen={onOpen} />
                    </div>
                  ))}
                </div>
              )
            );
          })}
        </div>
      </div>
    </div>
  );
}

function RowHead({ row, width }: { row: GridRow; width: number }) {
  return (
    <h2 className={styles.labels} style={{ maxWidth: width }}>
      {row.labels
        .filter(({ text }) => text !== "")
        .map(({ key, text, run }) => (
          <span key={key} className={styles.label} data-key={key} title={`${groupTitle(key)}: ${text}`}>
            {key === "name" || key === "run" || key === "context" || (
              <span className={styles.key}>{groupTitle(key)} </span>
            )}
            {run === undefined ? (
              <bdi data-key={key}>{text}</bdi>
            ) : (
              <Link href={`/run/${encodeURIComponent(run)}`}>
                <bdi>{text}</bdi>
              </Link>
            )}
          </span>
        ))}
      <span className={styles.key}>{row.count.toLocaleString("en-US")}</span>
    </h2>
  );
}

interface CellProps {
  row: GridRow;
  column: number;
  shape: Shape;
  size: number;
  onOpen: (id: string) => void;
}

function Cell({ row, column, shape, size, onOpen }: CellProps) {
  const items = row.cells[column] ?? [];
  const single = shape.across.length === 1;
  const fits = single || items.length <= SHOWN ? items.length : SHOWN - 1;
  const rest = items[fits];
  return (
    <>
      {items.slice(0, fits).map((item) => (
        <Thumbnail key={item.id} item={item} size={size} caption={CAPTION} onOpen={onOpen} />
      ))}
      {rest && (
        <button
          type="button"
          className={styles.more}
          style={{ width: size, height: size }}
          onClick={() => onOpen(rest.id)}
        >
          +{items.length - fits}
        </button>
      )}
    </>
  );
}
