// Sequences of images as a grid: a row for each group, a column for each step.

import type { ImageValue, MediaSequence, Unreadable } from "../../api/types";
import { showContext, showValue } from "../../api/values";

/** What rows may be told apart by: `run`, `name`, `step`, `index`, `context:<key>`, `param:<expression>`. */
export type GroupKey = string;

export interface Item {
  /** Names the image in an address: it stays the same when others come. */
  id: string;
  value: ImageValue | Unreadable;
  sequence: MediaSequence<ImageValue>;
  step: number;
  time: number;
  /** Where it stands in the list that was tracked at this step, and how long that is. */
  index: number;
  length: number;
}

export interface GridRow {
  id: string;
  /** What the group has in common, one for each key. */
  labels: { key: GroupKey; text: string; run?: string }[];
  /** By column. */
  cells: Item[][];
  count: number;
}

export interface Grid {
  /** The steps; empty if rows are told apart by step, and each has a single cell. */
  steps: number[];
  rows: GridRow[];
}

export const DEFAULT_GROUP: GroupKey[] = ["run", "name", "context"];

/** The keys that there are to choose from. `parameters` are the expressions that were asked for as attributes. */
export function groupKeys(
  sequences: readonly MediaSequence<ImageValue>[],
  parameters: readonly string[],
): GroupKey[] {
  const contexts = new Set(sequences.flatMap((sequence) => Object.keys(sequence.context)));
  return [
    "run",
    "experiment",
    "name",
    "context",
    ...[...contexts].sort().map((key) => `context:${key}`),
    ...parameters.map((expression) => `param:${expression}`),
    "step",
    "index",
  ];
}

export function groupTitle(key: GroupKey): string {
  if (key.startsWith("context:")) return `context.${key.slice(8)}`;
  if (key.startsWith("param:")) return key.slice(6);
  if (key === "index") return "place in the list";
  return key;
}

/** The images in rows and columns. Rows come in the order of the sequences, by step and place within. */
export function gridOf(
  sequences: readonly MediaSequence<ImageValue>[],
  keys: readonly GroupKey[],
  parameters: readonly string[],
): Grid {
  const byStep = keys.includes("step");
  const steps = byStep ? [] : stepsOf(sequences);
  const columns = new Map(steps.map((step, column) => [step, column]));
  const rows = new Map<string, GridRow>();
  for (const item of itemsOf(sequences)) {
    const labels = keys.map((key) => label(key, item, parameters));
    const id = JSON.stringify(labels.map(({ text, run }) => run ?? text));
    let row = rows.get(id);
    if (row === undefined) {
      row = { id, labels, cells: Array.from({ length: byStep ? 1 : steps.length }, () => []), count: 0 };
      rows.set(id, row);
    }
    row.cells[byStep ? 0 : (columns.get(item.step) ?? 0)]?.push(item);
    row.count += 1;
  }
  return { steps, rows: ordered([...rows.values()], keys) };
}

/** Rows that only differ in step or place stand in the order of these numbers. */
function ordered(rows: GridRow[], keys: readonly GroupKey[]): GridRow[] {
  const first = (row: GridRow) => row.cells.find((cell) => cell.length)?.[0];
  const numbers: ((item: Item) => number)[] = [];
  if (keys.includes("step")) numbers.push((item) => item.step);
  if (keys.includes("index")) numbers.push((item) => item.index);
  if (!numbers.length) return rows;
  const rank = new Map<string, number>();
  const group = (row: GridRow) =>
    JSON.stringify(
      row.labels.filter(({ key }) => key !== "step" && key !== "index").map((at) => at.run ?? at.text),
    );
  for (const row of rows) if (!rank.has(group(row))) rank.set(group(row), rank.size);
  const place = (row: GridRow): number[] => {
    const item = first(row);
    return [rank.get(group(row)) ?? 0, ...(item ? numbers.map((number) => number(item)) : [])];
  };
  return rows
    .map((row) => ({ row, at: place(row) }))
    .sort((one, other) => {
      const differs = one.at.findIndex((number, k) => number !== other.at[k]);
      return differs < 0 ? 0 : (one.at[differs] ?? 0) - (other.at[differs] ?? 0);
    })
    .map(({ row }) => row);
}

export function stepsOf(sequences: readonly { points: readonly { step: number }[] }[]): number[] {
  return [...new Set(sequences.flatMap(({ points }) => points.map(({ step }) => step)))].sort(
    (a, b) => a - b,
  );
}

function* itemsOf(sequences: readonly MediaSequence<ImageValue>[]): Generator<Item> {
  for (const sequence of sequences) {
    const of = JSON.stringify([sequence.run, sequence.name, sequence.context]);
    for (const { step, time, values } of sequence.points) {
      for (const [index, value] of values.entries()) {
        yield { id: `${step}/${index}/${of}`, value, sequence, step, time, index, length: values.length };
      }
    }
  }
}

function label(key: GroupKey, item: Item, parameters: readonly string[]): GridRow["labels"][number] {
  const { sequence } = item;
  if (key === "run") return { key, text: sequence.run_name || sequence.run, run: sequence.run };
  if (key === "name") return { key, text: sequence.name };
  if (key === "experiment") return { key, text: sequence.experiment ?? "" };
  if (key === "context") return { key, text: showContext(sequence.context) };
  if (key === "step") return { key, text: String(item.step) };
  if (key === "index") return { key, text: String(item.index) };
  if (key.startsWith("context:")) return { key, text: showValue(sequence.context[key.slice(8)]) };
  const value = sequence.attributes[parameters.indexOf(key.slice(6))];
  return { key, text: value === undefined || value === null ? "None" : showValue(value) };
}

export interface Shape {
  /** How many thumbnails stand side by side in a column's cells. */
  across: number[];
  /** How many stand below each other in a row's cells. */
  down: number[];
}

export const ACROSS = 4;
/** So many thumbnails of a cell are shown, then how many more there are. */
export const SHOWN = 12;

/** How wide each column and how tall each row is, in thumbnails. A grid with one column is as wide as it may be. */
export function shapeOf(grid: Grid, widest: number): Shape {
  const single = grid.steps.length <= 1;
  const most = single ? Math.max(widest, 1) : ACROSS;
  const columns = Math.max(grid.steps.length, 1);
  const across = Array.from({ length: columns }, () => 1);
  for (const row of grid.rows) {
    for (const [column, cell] of row.cells.entries()) {
      const wide = single
        ? Math.min(cell.length, most)
        : Math.min(Math.ceil(Math.sqrt(shown(cell, single))), most);
      across[column] = Math.max(across[column] ?? 1, wide);
    }
  }
  const down = grid.rows.map((row) =>
    Math.max(1, ...row.cells.map((cell, column) => Math.ceil(shown(cell, single) / (across[column] ?? 1)))),
  );
  return { across, down };
}

/** How many thumbnails a cell has room for. */
export function shown(cell: readonly Item[], single: boolean): number {
  return single ? cell.length : Math.min(cell.length, SHOWN);
}
