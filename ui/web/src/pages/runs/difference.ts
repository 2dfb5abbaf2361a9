// In what runs differ: their parameters and how their metrics ended, side by side.

import type { RunDetails, Tagged } from "../../api/types";
import { asAimQL, showContext } from "../../api/values";
import type { Column } from "./columns";
import type { RunRow } from "./pages";

export interface Comparison {
  kind: "property" | "parameter" | "metric";
  title: string;
  /** The AimQL expression for it. */
  expression: string;
  /** One for each run; undefined where a run has none. */
  values: (Tagged | undefined)[];
  differs: boolean;
}

const PROPERTIES = new Set(
  (
    "name hash experiment description tags archived active creation_time end_time created_at finalized_at duration " +
    "metrics get items keys values images audios texts figures distributions"
  ).split(" "),
);
const KEYWORDS = new Set(
  (
    "and as assert async await break class continue def del elif else except finally for from global if import in is " +
    "lambda nonlocal not or pass raise return try while with yield None True False"
  ).split(" "),
);

/** The AimQL for a parameter, by its path. */
export function expressionOf(path: readonly string[]): string {
  return path.reduce((before, key, place) => {
    const isPlain =
      /^[A-Za-z][A-Za-z0-9_]*$/.test(key) && !KEYWORDS.has(key) && !(place === 0 && PROPERTIES.has(key));
    return isPlain ? `${before}.${key}` : `${before}[${JSON.stringify(key)}]`;
  }, "run");
}

/** A value as AimQL writes it, which is as Python does. */
function literal(value: Tagged): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (value !== null && typeof value === "object")
    return `{${Object.entries(value)
      .map(([key, item]) => `${JSON.stringify(key)}: ${literal(item)}`)
      .join(", ")}}`;
  return asAimQL(value) ?? "None";
}

function isTree(value: Tagged | undefined): value is { [key: string]: Tagged } {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return keys.length > 0 && !keys[0]?.startsWith("$");
}

/** The leaves of a tree of parameters, by their expressions. */
export function leaves(tree: { [key: string]: Tagged }): Map<string, { path: string[]; value: Tagged }> {
  const found = new Map<string, { path: string[]; value: Tagged }>();
  const walk = (node: { [key: string]: Tagged }, path: string[]) => {
    for (const [key, value] of Object.entries(node)) {
      const here = [...path, key];
      if (isTree(value)) walk(value, here);
      else found.set(expressionOf(here), { path: here, value });
    }
  };
  walk(tree, []);
  return found;
}

/** Whether two values are the same: by what they hold, whatever the order of keys. */
export function isSame(one: Tagged | undefined, other: Tagged | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined || one === null || other === null) return false;
  if (typeof one !== "object" || typeof other !== "object") return false;
  if (Array.isArray(one) || Array.isArray(other)) {
    return (
      Array.isArray(one) &&
      Array.isArray(other) &&
      one.length === other.length &&
      one.every((item, place) => isSame(item, other[place]))
    );
  }
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && isSame(one[key], other[key]))
  );
}

function compared(
  kind: Comparison["kind"],
  title: string,
  expression: string,
  values: (Tagged | undefined)[],
): Comparison {
  return { kind, title, expression, values, differs: values.some((value) => !isSame(value, values[0])) };
}

export function sideBySide(runs: readonly RunDetails[]): Comparison[] {
  const trees = runs.map(({ params }) => leaves(params));
  const titles = new Map<string, string>();
  for (const tree of trees) for (const [expression, { path }] of tree) titles.set(expression, path.join("."));
  const metrics = runs.map(({ sequences }) => {
    const found = new Map<string, { title: string; value: Tagged }>();
    for (const { kind, name, context, summary } of sequences) {
      if (kind !== "metric") continue;
      const where = Object.keys(context).length ? `, ${literal(context)}` : "";
      const expression = `run.metrics[${JSON.stringify(name)}${where}].last`;
      found.set(expression, { title: `${name} ${showContext(context)}`.trim(), value: summary.last });
    }
    return found;
  });
  const ended = new Map<string, string>();
  for (const one of metrics) for (const [expression, { title }] of one) ended.set(expression, title);
  return [
    compared(
      "property",
      "experiment",
      "run.experiment",
      runs.map(({ experiment }) => experiment),
    ),
    compared(
      "property",
      "tags",
      "run.tags",
      runs.map(({ tags }) => [...tags].sort()),
    ),
    ...[...titles].map(([expression, title]) =>
      compared(
        "parameter",
        title,
        expression,
        trees.map((tree) => tree.get(expression)?.value),
      ),
    ),
    ...[...ended].map(([expression, title]) =>
      compared(
        "metric",
        title,
        expression,
        metrics.map((one) => one.get(expression)?.value),
      ),
    ),
  ];
}

/** Whether the selected runs have different values in a column, as far as that is known. */
export function differsIn({ id, expression }: Column, rows: readonly RunRow[]): boolean {
  if (id === "name") return true;
  const value = (row: RunRow): Tagged | undefined => {
    if (expression !== null) return row.values.get(expression);
    if (id === "tags") return [...row.tags].sort();
    if (id === "experiment") return row.experiment;
    return id === "status" ? row.status : row.hash;
  };
  return rows.some((row) => value(row) === undefined || !isSame(value(row), rows[0] && value(rows[0])));
}
