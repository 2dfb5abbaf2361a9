// All charts of the page, side by side where there is room. Those far from what is in sight are not drawn.

import { type ReactNode, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { Chart, type ChartLook } from "./Chart";
import styles from "./Charts.module.css";
import type { Drawing } from "./drawing";
import type { Line, Panel } from "./panels";
import type { Stage } from "./stage";
import type { Range } from "./state";

interface ChartsProps {
  panels: readonly Panel[];
  shows: (line: Line) => boolean;
  xRange: Range;
  isZoomed: boolean;
  yRanges: ReadonlyMap<string, Range>;
  look: Omit<ChartLook, "height">;
  stage: Stage;
  onZoom: (key: string, x: Range | null, y: Range | null) => void;
  onReset: (key: string) => void;
  /** The reader has turned the wheel and come to rest. */
  onTurned: (x: Range) => void;
  /** How wide a chart is, whenever that changes. */
  onWidth: (width: number) => void;
}

const LEAST = 400;
const GAP = 10;

export function Charts({ panels, onWidth, onTurned, look, yRanges, ...rest }: ChartsProps) {
  const room = useRef<HTMLDivElement>(null);
  const drawings = useRef(new Set<Drawing>());
  const [inner, setInner] = useState(0);
  useLayoutEffect(() => {
    const element = room.current;
    if (element === null) return;
    setInner(element.clientWidth);
    const observer = new ResizeObserver(() => setInner(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const columns = Math.max(1, Math.min(Math.floor((inner + GAP) / (LEAST + GAP)), panels.length, 4));
  // the border of a chart takes a pixel on either side
  const width = Math.floor((inner - GAP * (columns - 1)) / columns) - 2;
  useEffect(() => {
    if (inner > 0) onWidth(width);
  }, [inner, width, onWidth]);
  const height = heightFor(panels.length, inner);

  const sized = useMemo(() => ({ ...look, height }), [look, height]);

  const resting = useRef(0);
  const picture = useRef(0);
  const turn = useCallback(
    (x: Range) => {
      // a wheel may turn several times for each picture
      cancelAnimationFrame(picture.current);
      picture.current = requestAnimationFrame(() => {
        for (const drawing of drawings.current) drawing.turn(x);
      });
      window.clearTimeout(resting.current);
      resting.current = window.setTimeout(() => onTurned(x), 250);
    },
    [onTurned],
  );
  return (
    <div
      ref={room}
      className={styles.charts}
      style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}
    >
      {width > 40 &&
        panels.map((panel) => (
          <Near key={panel.key} height={height + 38} label={panel.title}>
            <Chart
              {...rest}
              panel={panel}
              yRange={yRanges.get(panel.key) ?? null}
              width={width}
              look={sized}
              drawings={drawings.current}
              onTurn={turn}
            />
          </Near>
        ))}
    </div>
  );
}

/** A single chart takes what the window has, several take less. */
function heightFor(charts: number, width: number): number {
  const part = charts === 1 ? 0.4 : charts === 2 ? 0.37 : 0.31;
  return Math.round(Math.min(Math.max(window.innerHeight * part, 230), width < 600 ? 280 : 520));
}

/** Draws what it contains when it comes near to what is in sight, and keeps its room otherwise. */
function Near({ height, label, children }: { height: number; label: string; children: ReactNode }) {
  const place = useRef<HTMLDivElement>(null);
  const [near, setNear] = useState(false);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const observer = new IntersectionObserver(
      (entries) => setNear(entries[entries.length - 1]?.isIntersecting ?? false),
      { rootMargin: "400px 0px" },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return (
    <div ref={place} className={styles.place} style={{ minHeight: height }}>
      {near ? children : <span className="visually-hidden">{label}</span>}
    </div>
  );
}
