// Runs as lines across several axes.

import { type KeyboardEvent, type PointerEvent, useCallback, useMemo, useRef, useState } from "react";
import type { Tagged } from "../../api/types";
import { showValue } from "../../api/values";
import { cut } from "../../components/lettering/lettering";
import { shortExpression } from "../../components/picker/expressions";
import { useTheme } from "../../theme";
import { AxisHead } from "./AxisHead";
import { type Axis, axisFor, marks } from "./axis";
import { type Brush, brushBetween, covered } from "./brush";
import styles from "./Compare.module.css";
import { Hover } from "./Hover";
import {
  type Crossings,
  crossingsFor,
  innerWidth,
  leftsFor,
  MARGIN,
  moved,
  nearestAxis,
  nearestLine,
} from "./lines";
import type { Tint } from "./tint";
import { ink, useDrawn, useRoom } from "./useCanvas";

interface ParallelProps {
  hashes: readonly string[];
  names: readonly (string | null)[];
  columns: readonly { expression: string; values: readonly Tagged[]; log: boolean }[];
  tint: Tint;
  chosen: readonly boolean[];
  brushes: readonly Brush[];
  /** The brush of one axis; null takes it away. */
  onBrush: (expression: string, brush: Brush | null) => void;
  onOrder: (axes: string[]) => void;
  onLog: (expression: string, log: boolean) => void;
  onOpen: (hash: string) => void;
}

const NEAR = 16;

export function Parallel(props: ParallelProps) {
  const { hashes, names, columns, tint, chosen, brushes, onBrush, onOrder, onLog, onOpen } = props;
  const theme = useTheme();
  const outer = useRef<HTMLDivElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const { width: roomWidth } = useRoom(outer);
  const room = useRoom(box);
  const [hovered, setHovered] = useState<number | null>(null);
  const [drag, setDrag] = useState<{ axis: number; from: number; to: number } | null>(null);
  const [open, setOpen] = useState<string | null>(null);

  const width = innerWidth(columns.length, roomWidth);
  const height = Math.max(room.height - MARGIN.top - MARGIN.bottom, 10);
  const axes = useMemo(
    () => columns.map(({ expression, values, log }) => axisFor(expression, values, log)),
    [columns],
  );
  const lefts = useMemo(() => leftsFor(columns.length, width), [columns.length, width]);
  const crossings = useMemo(
    () =>
      crossingsFor(
        axes,
        columns.map(({ values }) => values),
        lefts,
      ),
    [axes, columns, lefts],
  );
  const draw = useCallback(
    (context: CanvasRenderingContext2D) => {
      if (theme === undefined) return;
      drawLines(context, crossings, tint, chosen, height);
      for (const [place, axis] of axes.entries()) drawAxis(context, axis, lefts[place] as number, height);
    },
    [theme, crossings, tint, chosen, height, axes, lefts],
  );
  const canvas = useDrawn(room, draw);
  const highlight = useCallback(
    (context: CanvasRenderingContext2D) => {
      if (hovered === null) return;
      context.strokeStyle = tint.of(hovered);
      context.lineWidth = 3;
      strokeLine(context, crossings, hovered, height);
    },
    [hovered, crossings, tint, height],
  );
  const overlay = useDrawn(room, highlight);

  const at = (event: PointerEvent) => {
    const { left, top } = event.currentTarget.getBoundingClientRect();
    return { left: event.clientX - left, top: event.clientY - top - MARGIN.top };
  };
  const placeAt = (top: number) => Math.min(Math.max(1 - top / height, 0), 1);
  const down = (event: PointerEvent) => {
    if (event.button !== 0 || event.pointerType === "touch") return;
    const { left, top } = at(event);
    const axis = nearestAxis(lefts, left);
    if (Math.abs((lefts[axis] ?? Infinity) - left) > NEAR) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    setHovered(null);
    setDrag({ axis, from: placeAt(top), to: placeAt(top) });
  };
  const move = (event: PointerEvent) => {
    const { left, top } = at(event);
    if (drag) setDrag({ ...drag, to: placeAt(top) });
    else setHovered(nearestLine(crossings, chosen, left, top, height, 8));
  };
  const up = (event: PointerEvent) => {
    if (drag === null) {
      const { left, top } = at(event);
      const hit = nearestLine(crossings, chosen, left, top, height, 8);
      if (hit !== null && (event.pointerType !== "touch" || hit === hovered)) onOpen(hashes[hit] ?? "");
      else setHovered(hit);
      return;
    }
    const axis = axes[drag.axis];
    setDrag(null);
    if (!axis) return;
    const isClick = Math.abs(drag.from - drag.to) * height < 4;
    onBrush(axis.expression, isClick ? null : brushBetween(axis, drag.from, drag.to));
  };
  const keyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter" && hovered !== null) onOpen(hashes[hovered] ?? "");
    else if (event.key === "Escape") setHovered(null);
    else if (step) {
      const first = crossings.places[0];
      const order = [...hashes.keys()]
        .filter((place) => chosen[place])
        .sort((one, other) => (first?.[other] ?? 0) - (first?.[one] ?? 0));
      const now = hovered === null ? (step > 0 ? -1 : order.length) : order.indexOf(hovered);
      setHovered(order[Math.min(Math.max(now + step, 0), order.length - 1)] ?? null);
    } else return;
    event.preventDefault();
  };

  const boxes = axes.flatMap((axis, place) => {
    const dragged =
      drag?.axis === place
        ? ([[Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)]] as [number, number][])
        : null;
    const brush = brushes.find((one) => one.expression === axis.expression);
    return (dragged ?? (brush ? covered(axis, brush) : [])).map(([from, to]) => ({ axis, place, from, to }));
  });
  return (
    <div className={styles.parallel} ref={outer}>
      <div className={styles.inner} style={{ width }}>
        <div className={styles.heads}>
          {axes.map((axis, place) => (
            <AxisHead
              key={axis.expression}
              axis={axis}
              log={columns[place]?.log ?? false}
              left={lefts[place] as number}
              width={Math.max((lefts[1] ?? width) - (lefts[0] ?? 0) - 6, 90)}
              inner={width}
              brush={brushes.find((one) => one.expression === axis.expression) ?? null}
              isOpen={open === axis.expression}
              onOpen={(isOpen) => setOpen(isOpen ? axis.expression : null)}
              onBrush={(brush) => onBrush(axis.expression, brush)}
              onLog={(log) => onLog(axis.expression, log)}
              onDrop={(left) =>
                onOrder(
                  moved(
                    axes.map((one) => one.expression),
                    place,
                    nearestAxis(lefts, left),
                  ),
                )
              }
              onMove={(by) =>
                onOrder(
                  moved(
                    axes.map((one) => one.expression),
                    place,
                    place + by,
                  ),
                )
              }
              onRemove={() =>
                onOrder(axes.map((one) => one.expression).filter((one) => one !== axis.expression))
              }
            />
          ))}
        </div>
        <div
          className={styles.lines}
          ref={box}
          role="application"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys go from run to run in it
          tabIndex={0}
          aria-label={`Parallel coordinates of ${axes.length} axes. Up and down go from run to run, Enter opens one; the buttons above have what an axis can do.`}
          onPointerDown={down}
          onPointerMove={move}
          onPointerUp={up}
          onPointerLeave={() => !drag && setHovered(null)}
          onKeyDown={keyDown}
          onBlur={() => setHovered(null)}
        >
          <canvas ref={canvas} />
          <canvas ref={overlay} />
          {boxes.map(({ axis, place, from, to }) => (
            <span
              key={`${axis.expression} ${from}`}
              className={styles.brush}
              style={{
                left: lefts[place],
                top: MARGIN.top + (1 - to) * height,
                height: Math.max((to - from) * height, 3),
              }}
            />
          ))}
          {hovered !== null && !drag && (
            <Hover
              left={lefts[0] ?? 0}
              top={MARGIN.top + (1 - (crossings.places[0]?.[hovered] ?? 0)) * height}
              room={room}
              colour={tint.of(hovered)}
              title={names[hovered] || (hashes[hovered] ?? "").slice(0, 8)}
              rows={columns.map(({ expression, values }) => [
                shortExpression(expression),
                showValue(values[hovered]) || "missing",
              ])}
            />
          )}
        </div>
      </div>
    </div>
  );
}

function drawLines(
  context: CanvasRenderingContext2D,
  crossings: Crossings,
  tint: Tint,
  chosen: readonly boolean[],
  height: number,
): void {
  const count = chosen.filter(Boolean).length;
  context.lineWidth = 1;
  if (count < chosen.length) {
    context.globalAlpha = 0.13;
    context.strokeStyle = ink().quiet;
    for (let run = 0; run < chosen.length; run += 1)
      if (!chosen[run]) strokeLine(context, crossings, run, height);
  }
  context.globalAlpha = count > 1500 ? 0.22 : count > 300 ? 0.4 : 0.7;
  context.lineWidth = 1.2;
  for (let run = 0; run < chosen.length; run += 1) {
    if (!chosen[run]) continue;
    context.strokeStyle = tint.of(run);
    strokeLine(context, crossings, run, height);
  }
  context.globalAlpha = 1;
}

function strokeLine(
  context: CanvasRenderingContext2D,
  { lefts, places }: Crossings,
  run: number,
  height: number,
): void {
  context.beginPath();
  for (let axis = 0; axis < lefts.length; axis += 1) {
    const place = places[axis]?.[run];
    if (place === undefined || Number.isNaN(place)) continue;
    context.lineTo(lefts[axis] as number, MARGIN.top + (1 - place) * height);
  }
  context.stroke();
}

function drawAxis(context: CanvasRenderingContext2D, axis: Axis, left: number, height: number): void {
  const { text, quiet, ground, font } = ink();
  const bottom = MARGIN.top + (1 - axis.base) * height;
  context.strokeStyle = quiet;
  context.lineWidth = 1.5;
  context.beginPath();
  if (axis.range !== null || axis.categories.length > 0) {
    context.moveTo(left, MARGIN.top);
    context.lineTo(left, bottom);
  }
  context.stroke();
  context.font = font;
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  for (const mark of marks(axis, height, 34)) {
    const top = MARGIN.top + (1 - mark.at) * height;
    context.strokeStyle = quiet;
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(left - (mark.isSlot ? 6 : 4), top);
    context.lineTo(left + (mark.isSlot ? 6 : 0), top);
    context.stroke();
    const label = cut(context, mark.text, MARGIN.left - 12);
    // the text stands out from the lines behind it
    context.strokeStyle = ground;
    context.lineWidth = 4;
    context.globalAlpha = 0.85;
    context.strokeText(label, left - 8, top);
    context.globalAlpha = 1;
    context.fillStyle = mark.isSlot ? quiet : text;
    context.fillText(label, left - 8, top);
  }
}
