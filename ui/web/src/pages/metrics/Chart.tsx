// One chart: its title, what it is honest about, and the drawing.

import { Download, Maximize } from "lucide-react";
import { type KeyboardEvent, memo, useEffect, useLayoutEffect, useMemo, useRef } from "react";
import styles from "./Chart.module.css";
import { isExact } from "./csv";
import { Drawing } from "./drawing";
import type { Line, Panel } from "./panels";
import { savePicture } from "./picture";
import { TRIMMED, yExtent } from "./ranges";
import type { Stage } from "./stage";
import type { Range } from "./state";
import { xKind } from "./ticks";

export interface ChartLook {
  x: string;
  /** Into how many parts of x the server cuts what it thins out. */
  buckets: number;
  logX: boolean;
  logY: boolean;
  trimmed: boolean;
  theme: "light" | "dark";
  height: number;
}

export interface ChartProps {
  panel: Panel;
  shows: (line: Line) => boolean;
  xRange: Range;
  isZoomed: boolean;
  yRange: Range | null;
  width: number;
  look: ChartLook;
  stage: Stage;
  /** Every drawing of the page, to be turned together. */
  drawings: Set<Drawing>;
  onZoom: (key: string, x: Range | null, y: Range | null) => void;
  onReset: (key: string) => void;
  onTurn: (x: Range) => void;
}

export const Chart = memo(function Chart(props: ChartProps) {
  const { panel, shows, xRange, isZoomed, yRange, width, look, stage, drawings } = props;
  const host = useRef<HTMLDivElement>(null);
  const voice = useRef<HTMLDivElement>(null);
  const drawing = useRef<Drawing | null>(null);
  const reactions = useRef(props);
  reactions.current = props;

  const lines = useMemo(() => panel.lines.filter(shows), [panel, shows]);
  const fitted = useMemo(
    () => yExtent(lines, xRange, look.logY, look.trimmed),
    [lines, xRange, look.logY, look.trimmed],
  );
  const scene = useMemo(
    () => ({ lines, x: xRange, y: yRange ?? fitted.range }),
    [lines, xRange, yRange, fitted],
  );
  const newest = useRef(scene);
  newest.current = scene;
  const size = useRef({ width, height: look.height });
  size.current = { width, height: look.height };

  useLayoutEffect(() => {
    const element = host.current;
    if (element === null || look.theme === undefined) return;
    const css = getComputedStyle(document.documentElement);
    const made = new Drawing(
      element,
      {
        logX: look.logX,
        logY: look.logY,
        xKind: xKind(look.x),
        xLabel: xName(look.x),
        ink: css.getPropertyValue("--ink-2"),
        grid: css.getPropertyValue("--line"),
        font: `11px ${css.getPropertyValue("--sans")}`,
      },
      css.getPropertyValue("--surface"),
      stage,
      {
        zoom: (x, y) => reactions.current.onZoom(reactions.current.panel.key, x, y),
        reset: () => reactions.current.onReset(reactions.current.panel.key),
        turn: (x) => reactions.current.onTurn(x),
        say: (text) => {
          if (voice.current) voice.current.textContent = text;
        },
      },
      newest.current,
      size.current.width,
      size.current.height,
    );
    drawing.current = made;
    drawings.add(made);
    return () => {
      drawings.delete(made);
      drawing.current = null;
      made.destroy();
    };
  }, [look.logX, look.logY, look.x, look.theme, stage, drawings]);

  useEffect(() => drawing.current?.show(scene), [scene]);
  useLayoutEffect(() => drawing.current?.resize(width, look.height), [width, look.height]);

  const keyDown = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (drawing.current?.key(event.key, event.shiftKey)) event.preventDefault();
  };
  const isEmpty = useMemo(() => lines.every((line) => Number.isNaN(line.summary.min)), [lines]);
  const zoomed = isZoomed || yRange !== null;
  return (
    <figure className={styles.chart}>
      <figcaption className={styles.head}>
        <h2 title={panel.title}>{panel.title}</h2>
        <Chips lines={lines} all={panel.lines.length} outside={yRange ? 0 : fitted.outside} look={look} />
        <span className={styles.spring} />
        {zoomed && (
          <button
            type="button"
            data-kind="quiet"
            onClick={() => props.onReset(panel.key)}
            title="Show all (double click, or 0)"
            aria-label={`Show all of ${panel.title}`}
          >
            <Maximize size={14} aria-hidden />
          </button>
        )}
        <button
          type="button"
          data-kind="quiet"
          title="Save as a picture (PNG)"
          aria-label={`Save ${panel.title} as a picture`}
          onClick={() => drawing.current && savePicture(drawing.current.canvas, panel.title, lines)}
        >
          <Download size={14} aria-hidden />
        </button>
      </figcaption>
      <div className={styles.room}>
        <div
          ref={host}
          className={styles.plot}
          style={{ height: look.height }}
          role="application"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move a cursor in it
          tabIndex={0}
          aria-label={`${panel.title}: ${lines.length} lines over ${xName(look.x)}. Left and right move the cursor, up and down change the line, plus and minus zoom, 0 shows all.`}
          onKeyDown={keyDown}
          onBlur={() => drawing.current?.blur()}
        />
        {isEmpty && (
          <p className={styles.nothing}>
            {lines.length === 0
              ? "All lines are hidden."
              : `No point of these curves has a place: ${look.x === "step" ? "no value is finite" : `none has a ${xName(look.x)}, or no value is finite`}.`}
          </p>
        )}
      </div>
      <div ref={voice} className="visually-hidden" aria-live="polite" />
    </figure>
  );
});

interface ChipsProps {
  lines: readonly Line[];
  all: number;
  outside: number;
  look: ChartLook;
}

/** What the chart leaves out. */
function Chips({ lines, all, outside, look }: ChipsProps) {
  const thinned = lines.filter((line) => !isExact(line) && line.x.length > 0);
  const dropped = useMemo(() => unshown(lines, look.logY), [lines, look.logY]);
  const most = Math.max(0, ...thinned.flatMap((line) => line.of.map((series) => series.count)));
  return (
    <span className={styles.chips}>
      {thinned.length > 0 ? (
        <span
          className={styles.chip}
          data-kind="thinned"
          title={`${thinned.length} of ${lines.length} lines have more points in this range than are drawn (up to ${most.toLocaleString("en-US")}). The range is cut into ${look.buckets} buckets, and of each the lowest and the highest point are kept: no peak is lost. Zoom in for all points.`}
        >
          thinned<span className={styles.wide}>: lowest and highest of each of {look.buckets} buckets</span>
          {"; zoom in for all"}
        </span>
      ) : (
        lines.some((line) => line.x.length > 0) && (
          <span className={styles.chip} title="Every point that was tracked in this range is drawn">
            every point
          </span>
        )
      )}
      {lines.length < all && (
        <span className={styles.chip}>
          {lines.length} of {all} lines
        </span>
      )}
      {outside > 0 && (
        <span
          className={styles.chip}
          data-kind="thinned"
          title={`The range of y leaves out the lowest and the highest ${TRIMMED * 100} % of what is shown`}
        >
          {outside.toLocaleString("en-US")} outliers out of sight
        </span>
      )}
      {dropped > 0 && (
        <span
          className={styles.chip}
          data-kind="thinned"
          title={`Points that are NaN or infinite${look.logY ? ", or not above zero on the logarithmic scale," : ""} are marked by crosses at the lower edge`}
        >
          {dropped.toLocaleString("en-US")} points without a place
        </span>
      )}
    </span>
  );
}

function unshown(lines: readonly Line[], log: boolean): number {
  let count = 0;
  for (const { y } of lines)
    for (const value of y) if (!Number.isFinite(value) || (log && value <= 0)) count += 1;
  return count;
}

export function xName(x: string): string {
  if (x === "relative") return "time since the run's start";
  return x.startsWith("metric:") ? x.slice("metric:".length) : x;
}
