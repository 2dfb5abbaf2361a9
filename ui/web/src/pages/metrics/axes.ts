// How uPlot is set up: it has the axes, the scales, the cursor and the dragging; lines are drawn by pen.ts.

import type uPlot from "uplot";
import type { Range } from "./state";
import { DURATION_STEPS, durationTick, logTick, logTicks, tick, type XKind } from "./ticks";

export interface Look {
  logX: boolean;
  logY: boolean;
  xKind: XKind;
  xLabel: string;
  ink: string;
  grid: string;
  font: string;
}

export interface Wiring {
  x: () => Range;
  y: () => Range;
  sync: string;
  draw: (plot: uPlot) => void;
  cursor: (plot: uPlot) => void;
  select: (plot: uPlot) => void;
  reset: () => void;
}

const SYNCED = new Set(["mousemove", "mouseleave"]);

export function plotOptions(look: Look, wiring: Wiring, width: number, height: number): uPlot.Options {
  const passes = (type: string) => SYNCED.has(type);
  return {
    width,
    height,
    padding: [10, 14, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: true, y: true, uni: 24, dist: 4, setScale: false },
      sync: { key: wiring.sync, scales: ["x", null], filters: { pub: passes, sub: passes } },
      bind: {
        dblclick: () => () => {
          wiring.reset();
          return null;
        },
      },
    },
    scales: {
      x: scale(wiring.x, look.logX, look.xKind === "time" && !look.logX),
      y: scale(wiring.y, look.logY, false),
    },
    series: [{}, { scale: "y", paths: () => null, points: { show: false } }],
    axes: [
      {
        ...axis(look, look.logX, 64),
        label: look.xLabel,
        labelSize: 16,
        labelFont: look.font,
        labelGap: 0,
        size: 34,
        ...(look.xKind === "duration" && !look.logX ? { incrs: [...DURATION_STEPS] } : {}),
        ...(look.xKind === "time" && !look.logX ? {} : { values: numbers(look.logX, look.xKind) }),
      },
      { ...axis(look, look.logY, 34), size: 62, values: numbers(look.logY, "number") },
    ],
    hooks: { draw: [wiring.draw], setCursor: [wiring.cursor], setSelect: [wiring.select] },
  };
}

function scale(range: () => Range, log: boolean, time: boolean): uPlot.Scale {
  return {
    time,
    distr: log ? 3 : 1,
    range: () => {
      const { low, high } = range();
      return [low, high];
    },
  };
}

function axis(look: Look, log: boolean, space: number): uPlot.Axis {
  const line = { stroke: look.grid, width: 1 };
  return {
    stroke: look.ink,
    font: look.font,
    grid: line,
    ticks: { ...line, size: log ? 4 : 6 },
    gap: 4,
    space,
    ...(log
      ? {
          splits: (plot: uPlot, which: number, low: number, high: number) => {
            const { width, height } = plot.bbox;
            const room = (which === 0 ? width : height) / (window.devicePixelRatio || 1);
            return logTicks(low, high, Math.max(2, Math.floor(room / space)));
          },
          filter: (_: uPlot, splits: number[]) => splits,
        }
      : {}),
  };
}

function numbers(log: boolean, kind: XKind) {
  return (_: uPlot, splits: (number | null)[], _axis: number, _space: number, step: number) =>
    splits.map(
      shown((value) =>
        kind === "duration" ? durationTick(value) : log ? logTick(value) : tick(value, step),
      ),
    );
}

// a logarithmic axis leaves ticks without a text where they would be too many
function shown(write: (value: number) => string): (value: number | null) => string {
  return (value) => (value === null ? "" : write(value));
}
