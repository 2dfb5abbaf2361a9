import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Curve } from "../../api/columns";
import { showNumber } from "../../api/values";
import { colour } from "../../palette";
import { useTheme } from "../../theme";
import styles from "./SmallChart.module.css";

/** One curve, as large as its place. Says where the pointer is. */
export function SmallChart({
  curve,
  onHover,
}: {
  curve: Curve;
  onHover: (at: { x: number; y: number } | null) => void;
}) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const data = useRef<uPlot.AlignedData>([[], []]);
  const hover = useRef(onHover);
  hover.current = onHover;
  const theme = useTheme();
  data.current = drawn(curve);

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const made = new uPlot(
      optionsFor(element, theme, (at) => hover.current(at)),
      data.current,
      element,
    );
    chart.current = made;
    const observer = new ResizeObserver(() => made.setSize(sizeOf(element)));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      chart.current = null;
    };
  }, [theme]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is drawn is made from the curve
  useEffect(() => chart.current?.setData(data.current), [curve]);
  return <div className={styles.place} ref={place} aria-hidden="true" />;
}

/** uPlot's columns: what is no number is a gap. */
function drawn(curve: Curve): uPlot.AlignedData {
  const y = Array.from(curve.y, (value) => (Number.isFinite(value) ? value : null));
  return [curve.x, y];
}

function sizeOf(element: HTMLElement): { width: number; height: number } {
  return { width: Math.max(element.clientWidth, 50), height: Math.max(element.clientHeight, 50) };
}

function optionsFor(
  element: HTMLElement,
  theme: "light" | "dark",
  onHover: (at: { x: number; y: number } | null) => void,
): uPlot.Options {
  const style = getComputedStyle(element);
  const variable = (name: string) => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: variable("--ink-2"),
    grid: { stroke: variable("--line"), width: 1 },
    ticks: { show: false },
    font: `11px ${variable("--sans")}`,
    values: (_self, splits) => splits.map((split) => showNumber(split)),
  };
  return {
    ...sizeOf(element),
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    scales: { x: { time: false } },
    axes: [
      { ...axis, size: 22, gap: 2, space: 60 },
      { ...axis, size: 54, gap: 4, space: 28 },
    ],
    series: [
      {},
      {
        stroke: colour(0, theme),
        width: 1.5,
        points: { show: (self) => (self.data[0]?.length ?? 0) < 3, size: 5 },
      },
    ],
    hooks: {
      setCursor: [
        (self) => {
          const index = self.cursor.idx;
          const x = index == null ? undefined : self.data[0]?.[index];
          const y = index == null ? undefined : self.data[1]?.[index];
          onHover(x == null || y == null ? null : { x, y });
        },
      ],
    },
  };
}
