// Runs as points over two expressions.

import { type KeyboardEvent, type PointerEvent, useCallback, useMemo, useRef, useState } from "react";
import type { Tagged } from "../../api/types";
import { showNumber, showValue } from "../../api/values";
import { cut } from "../../components/lettering/lettering";
import { shortExpression } from "../../components/picker/expressions";
import { useTheme } from "../../theme";
import { type Axis, axisFor, type Mark, marks, placeOfNumber } from "./axis";
import { type Brush, brushBetween } from "./brush";
import styles from "./Compare.module.css";
import { Hover } from "./Hover";
import { nearestPoint, pointsFor, trendFor } from "./points";
import type { Tint } from "./tint";
import type { Trend } from "./trend";
import { ink, type Room, useDrawn, useRoom } from "./useCanvas";

interface ScatterProps {
  hashes: readonly string[];
  names: readonly (string | null)[];
  x: { expression: string; values: readonly Tagged[]; log: boolean };
  y: { expression: string; values: readonly Tagged[]; log: boolean };
  colour: { expression: string; values: readonly Tagged[] } | null;
  tint: Tint;
  /** Which runs the brushes let through. */
  chosen: readonly boolean[];
  trend: boolean;
  onBrush: (brushes: Brush[]) => void;
  onOpen: (hash: string) => void;
}

interface Corner {
  left: number;
  top: number;
}

const REACH = 18;

export function Scatter(props: ScatterProps) {
  const { hashes, names, x, y, colour, tint, chosen, trend, onBrush, onOpen } = props;
  const theme = useTheme();
  const box = useRef<HTMLDivElement>(null);
  const room = useRoom(box);
  const [hovered, setHovered] = useState<number | null>(null);
  const [drag, setDrag] = useState<{ from: Corner; to: Corner } | null>(null);

  const shown = useCallback((place: number) => chosen[place] ?? false, [chosen]);
  const xAxis = useMemo(() => axisFor(x.expression, x.values, x.log, chosen), [x, chosen]);
  const yAxis = useMemo(() => axisFor(y.expression, y.values, y.log, chosen), [y, chosen]);
  const points = useMemo(
    () => pointsFor(hashes, shown, [xAxis, x.values], [yAxis, y.values]),
    [hashes, shown, xAxis, x, yAxis, y],
  );
  const line = useMemo(
    () => (trend ? trendFor(shown, [xAxis, x.values], [yAxis, y.values]) : null),
    [trend, shown, xAxis, x, yAxis, y],
  );
  const plot = useMemo(() => plotIn(room), [room]);
  const draw = useCallback(
    (context: CanvasRenderingContext2D) => {
      if (theme === undefined) return;
      drawAxes(context, plot, xAxis, yAxis);
      drawPoints(context, plot, points, tint);
      if (line) drawTrend(context, plot, xAxis, yAxis, line);
    },
    [theme, plot, xAxis, yAxis, points, tint, line],
  );
  const canvas = useDrawn(room, draw);

  const cornerOf = (event: PointerEvent): Corner => {
    const { left, top } = event.currentTarget.getBoundingClientRect();
    return { left: event.clientX - left - plot.left, top: event.clientY - top - plot.top };
  };
  const find = ({ left, top }: Corner) => nearestPoint(points, left, top, plot.width, plot.height, REACH);
  const down = (event: PointerEvent) => {
    if (event.button !== 0 || event.pointerType === "touch") return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const corner = cornerOf(event);
    setDrag({ from: corner, to: corner });
  };
  const move = (event: PointerEvent) => {
    const corner = cornerOf(event);
    if (drag) setDrag({ ...drag, to: corner });
    else setHovered(find(corner));
  };
  const up = (event: PointerEvent) => {
    const corner = cornerOf(event);
    const from = drag?.from ?? corner;
    setDrag(null);
    if (Math.hypot(corner.left - from.left, corner.top - from.top) < 5) {
      const hit = find(corner);
      // a finger first shows which run it is
      if (hit !== null && (event.pointerType !== "touch" || hit === hovered)) onOpen(hashes[hit] ?? "");
      else setHovered(hit);
      return;
    }
    const brushes = [
      brushBetween(xAxis, from.left / plot.width, corner.left / plot.width),
      brushBetween(yAxis, 1 - from.top / plot.height, 1 - corner.top / plot.height),
    ].filter((brush) => brush !== null);
    if (brushes.length > 0) onBrush(brushes);
  };
  const keyDown = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter" && hovered !== null) onOpen(hashes[hovered] ?? "");
    else if (event.key === "Escape") setHovered(null);
    else if (step) {
      const order = [...points.x.keys()]
        .filter((place) => chosen[place])
        .sort((one, other) => (points.x[one] as number) - (points.x[other] as number));
      const at = hovered === null ? (step > 0 ? -1 : order.length) : order.indexOf(hovered);
      setHovered(order[Math.min(Math.max(at + step, 0), order.length - 1)] ?? null);
    } else return;
    event.preventDefault();
  };

  const rows = (place: number): [string, string][] => [
    [shortExpression(x.expression), showValue(x.values[place]) || "missing"],
    [shortExpression(y.expression), showValue(y.values[place]) || "missing"],
    ...(colour
      ? [
          [shortExpression(colour.expression), showValue(colour.values[place]) || "missing"] as [
            string,
            string,
          ],
        ]
      : []),
  ];
  return (
    <div
      className={styles.surface}
      ref={box}
      role="application"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys go from run to run in it
      tabIndex={0}
      aria-label={`Scatter plot of ${shortExpression(y.expression)} over ${shortExpression(x.expression)}. Arrows go from run to run, Enter opens one.`}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerLeave={() => !drag && setHovered(null)}
      onKeyDown={keyDown}
      onBlur={() => setHovered(null)}
    >
      <canvas ref={canvas} />
      <span className={styles.xTitle} title={x.expression}>
        {shortExpression(x.expression)}
        {xAxis.log && " (log)"}
      </span>
      <span className={styles.yTitle} title={y.expression}>
        {shortExpression(y.expression)}
        {yAxis.log && " (log)"}
      </span>
      {line && (
        <span className={styles.trend}>
          trend of {line.count.toLocaleString("en-US")}: r² = {showNumber(Number(line.r2.toPrecision(3)))}
        </span>
      )}
      {drag && <span className={styles.selection} style={selectionStyle(drag, plot)} />}
      {hovered !== null && !drag && chosen[hovered] && (
        <Hover
          left={plot.left + (points.x[hovered] as number) * plot.width}
          top={plot.top + (1 - (points.y[hovered] as number)) * plot.height}
          room={room}
          colour={tint.of(hovered)}
          title={names[hovered] || (hashes[hovered] ?? "").slice(0, 8)}
          rows={rows(hovered)}
        />
      )}
    </div>
  );
}

interface Plot {
  left: number;
  top: number;
  width: number;
  height: number;
}

function plotIn({ width, height }: Room): Plot {
  const left = width < 500 ? 68 : 96;
  return { left, top: 26, width: Math.max(width - left - 16, 10), height: Math.max(height - 26 - 54, 10) };
}

function selectionStyle({ from, to }: { from: Corner; to: Corner }, plot: Plot) {
  return {
    left: plot.left + Math.min(from.left, to.left),
    top: plot.top + Math.min(from.top, to.top),
    width: Math.abs(to.left - from.left),
    height: Math.abs(to.top - from.top),
  };
}

function drawAxes(context: CanvasRenderingContext2D, plot: Plot, xAxis: Axis, yAxis: Axis): void {
  const { quiet, line, font } = ink();
  context.font = font;
  context.lineWidth = 1;
  context.fillStyle = quiet;
  context.strokeStyle = line;
  const crisp = (value: number) => Math.round(value) + 0.5;
  const rule = (x0: number, y0: number, x1: number, y1: number, isSlot: boolean) => {
    context.setLineDash(isSlot ? [2, 4] : []);
    context.beginPath();
    context.moveTo(crisp(x0), crisp(y0));
    context.lineTo(crisp(x1), crisp(y1));
    context.stroke();
  };
  const xMarks = marks(xAxis, plot.width, 80);
  context.textAlign = "center";
  context.textBaseline = "top";
  const gap = plot.width / Math.max(xMarks.length, 1);
  xMarks.forEach(({ at, text, isSlot }: Mark, place) => {
    const left = plot.left + at * plot.width;
    rule(left, plot.top, left, plot.top + plot.height, isSlot);
    // slots stand close together: their names take turns in two lines below the numbers
    const down = isSlot ? 12 + (place % 2) * 12 : 0;
    context.fillText(
      cut(context, text, isSlot ? 90 : Math.max(gap - 6, 40)),
      left,
      plot.top + plot.height + 6 + down,
    );
  });
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const { at, text, isSlot } of marks(yAxis, plot.height, 40)) {
    const top = plot.top + (1 - at) * plot.height;
    rule(plot.left, top, plot.left + plot.width, top, isSlot);
    context.fillText(cut(context, text, plot.left - 10), plot.left - 6, top);
  }
  context.setLineDash([]);
}

function drawPoints(
  context: CanvasRenderingContext2D,
  plot: Plot,
  points: { x: Float64Array; y: Float64Array },
  tint: Tint,
): void {
  const many = points.x.length > 1000;
  context.globalAlpha = many ? 0.6 : 0.8;
  const radius = many ? 3 : 4;
  for (let place = 0; place < points.x.length; place += 1) {
    const x = points.x[place] as number;
    const y = points.y[place] as number;
    if (Number.isNaN(x) || Number.isNaN(y)) continue;
    context.fillStyle = tint.of(place);
    context.beginPath();
    context.arc(plot.left + x * plot.width, plot.top + (1 - y) * plot.height, radius, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
}

function drawTrend(
  context: CanvasRenderingContext2D,
  plot: Plot,
  xAxis: Axis,
  yAxis: Axis,
  { slope, intercept }: Trend,
): void {
  const { range } = xAxis;
  if (range === null) return;
  const up = (x: number) => {
    const y = intercept + slope * (xAxis.log ? Math.log10(x) : x);
    return placeOfNumber(yAxis, yAxis.log ? 10 ** y : y);
  };
  context.save();
  context.beginPath();
  context.rect(plot.left + xAxis.base * plot.width, plot.top, plot.width, plot.height * (1 - yAxis.base));
  context.clip();
  context.strokeStyle = ink().text;
  context.lineWidth = 1.5;
  context.setLineDash([6, 4]);
  context.beginPath();
  for (const x of [range.low, range.high])
    context.lineTo(plot.left + placeOfNumber(xAxis, x) * plot.width, plot.top + (1 - up(x)) * plot.height);
  context.stroke();
  context.restore();
}
