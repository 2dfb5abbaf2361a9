// From curves to what is drawn: which charts there are, and which lines in each.

import type { Tagged } from "../../api/types";
import { asNumber, showContext } from "../../api/values";
import { allocated, colour, ramp, rank, scaleOf } from "../../components/colouring/colouring";
import { DASHES } from "../../palette";
import { aggregated } from "./aggregate";
import { chartKey, type Grouping, groupTitle, keyOf, runLabel, valuesOf } from "./grouping";
import type { Points, Series, Summary } from "./series";
import { shortened, summarised } from "./series";
import type { Aggregate } from "./state";

export interface Line extends Points {
  id: string;
  /** Lines of one kin light up together in all charts: a run, or a group. */
  kin: string;
  title: string;
  name: string;
  context: string;
  sorted: boolean;
  /** What was tracked, where the line itself is smoothed. */
  raw: Points | null;
  band: { low: Float64Array; high: Float64Array } | null;
  /** How many curves the line speaks for at each place. */
  counts: Uint32Array | null;
  colour: string;
  dash: readonly number[];
  /** What it is made of: one curve, or a group of them. */
  of: readonly Series[];
  groups: readonly Tagged[];
  summary: Summary;
}

export interface Panel {
  key: string;
  title: string;
  lines: Line[];
}

export interface Plan extends Grouping {
  asked: readonly string[];
  aggregate: Aggregate | null;
  logX: boolean;
  theme: "light" | "dark";
}

export interface Panels {
  panels: Panel[];
  /** The numbers of the colours, to be handed in again, so that colours stay. */
  colours: Map<string, number>;
  strokes: Map<string, number>;
  /** The lowest and the highest value, where colours are a scale. */
  scale: [number, number] | null;
}

interface Member {
  series: Series;
  chart: string;
  chartValues: Tagged[];
  colour: string;
  stroke: string;
}

/** The expressions of a grouping that tell lines of one chart apart. */
export function groupColumns({ colour: first, stroke }: Grouping): string[] {
  return [...new Set([...first, ...stroke])];
}

export function panelsOf(all: readonly Series[], plan: Plan, before?: Panels): Panels {
  const members = all.map((series): Member => {
    const of = (expressions: readonly string[]) => valuesOf(series.curve, expressions, plan.asked);
    const chartValues = of(plan.chart);
    return {
      series,
      chart: chartKey(chartValues),
      chartValues,
      colour: keyOf(of(plan.colour)),
      stroke: keyOf(of(plan.stroke)),
    };
  });
  const numbers = scaleFor(members, plan);
  const colours = allocated(
    members.map((one) => one.colour),
    before?.colours,
  );
  const strokes = allocatedStrokes(members.map((one) => one.stroke));
  const paint = (member: Member) => ({
    colour: numbers
      ? scaled(numbers, member, plan.theme)
      : plan.colour.length === 0
        ? colour(0, plan.theme)
        : colour(colours.get(member.colour) ?? 0, plan.theme),
    dash: DASHES[(strokes.get(member.stroke) ?? 0) % DASHES.length] ?? [],
  });
  const charts = new Map<string, Member[]>();
  for (const member of members) {
    const here = charts.get(member.chart);
    if (here) here.push(member);
    else charts.set(member.chart, [member]);
  }
  const names = new Map(all.map(({ curve }) => [curve.run, runLabel(curve.run, curve.run_name)]));
  const runName = (hash: string) => names.get(hash) ?? hash;
  const panels = [...charts].map(([key, inside]): Panel => {
    const lines = plan.aggregate
      ? groupLines(inside, plan, plan.aggregate, paint, runName)
      : inside.map((member) => curveLine(member, plan, paint(member)));
    const title = groupTitle(plan.chart, inside[0]?.chartValues ?? [], runName);
    return { key, title: title || "All curves", lines };
  });
  panels.sort((one, other) => one.title.localeCompare(other.title, "en", { numeric: true }));
  const scale = numbers ? ([numbers[0], numbers[numbers.length - 1]] as [number, number]) : null;
  return { panels, colours, strokes, scale };
}

/** Strokes are few: they are given in the order of the keys, so that the first is unbroken. */
function allocatedStrokes(keys: readonly string[]): Map<string, number> {
  return new Map([...new Set(keys)].sort().map((key, place) => [key, place]));
}

function scaleFor(members: readonly Member[], plan: Plan): number[] | null {
  if (plan.colour.length !== 1) return null;
  return scaleOf(members.map((one) => (JSON.parse(one.colour) as Tagged[])[0] ?? null));
}

function scaled(numbers: readonly number[], member: Member, theme: "light" | "dark"): string {
  const value = asNumber((JSON.parse(member.colour) as Tagged[])[0]);
  if (value === null || !Number.isFinite(value)) return theme === "dark" ? "#7a847f" : "#868e89";
  return ramp(rank(numbers, value), theme);
}

type Paint = { colour: string; dash: readonly number[] };

function curveLine({ series }: Member, plan: Plan, paint: Paint): Line {
  const { curve, smoothed } = series;
  const shown = smoothed ?? series;
  return {
    id: series.id,
    kin: curve.run,
    title: runLabel(curve.run, curve.run_name),
    name: curve.name,
    context: showContext(curve.context),
    x: shown.x,
    y: shown.y,
    sorted: series.sorted,
    raw: smoothed ? { x: series.x, y: series.y } : null,
    band: null,
    counts: null,
    ...paint,
    of: [series],
    groups: valuesOf(curve, groupColumns(plan), plan.asked),
    summary: series.summary,
  };
}

function groupLines(
  members: readonly Member[],
  plan: Plan,
  how: Aggregate,
  paint: (member: Member) => Paint,
  runName: (hash: string) => string,
): Line[] {
  const groups = new Map<string, Member[]>();
  for (const member of members) {
    const key = `${member.colour}\n${member.stroke}`;
    const here = groups.get(key);
    if (here) here.push(member);
    else groups.set(key, [member]);
  }
  return [...groups].map(([key, inside]): Line => {
    const first = inside[0] as Member;
    const of = inside.map((member) => member.series);
    const { x, y, band, counts } = aggregated(
      of.map((series) => series.smoothed ?? series),
      how,
      plan.logX,
    );
    const columns = groupColumns(plan);
    const groupValues = valuesOf(first.series.curve, columns, plan.asked);
    const only = <T>(values: T[]) => (values.every((one) => one === values[0]) ? (values[0] ?? null) : null);
    return {
      id: shortened(`${first.chart}\n${key}`),
      kin: key,
      title: groupTitle(columns, groupValues, runName) || "all curves",
      name: only(of.map((series) => series.curve.name)) ?? "several",
      context: only(of.map((series) => showContext(series.curve.context))) ?? "several",
      x,
      y,
      sorted: true,
      raw: null,
      band,
      counts,
      ...paint(first),
      of,
      groups: groupValues,
      summary: summarised(y),
    };
  });
}
