// Which curves belong together: the value of each expression for each curve, and the keys that these make.

import type { Curve } from "../../api/columns";
import type { Tagged } from "../../api/types";
import { showValue } from "../../api/values";
import { contextKey, shortExpression } from "../../components/picker/expressions";
import { shortened } from "./series";

export interface Grouping {
  colour: readonly string[];
  stroke: readonly string[];
  chart: readonly string[];
}

const KNOWN: { [expression: string]: (curve: Curve) => Tagged } = {
  "metric.name": (curve) => curve.name,
  "run.hash": (curve) => curve.run,
  "run.name": (curve) => curve.run_name,
  "run.experiment": (curve) => curve.experiment,
};

/** What must be asked of the server: the rest is in every answer. Each once, in an order that grouping does not change. */
export function askedFor(grouping: Grouping): string[] {
  const all = new Set([...grouping.colour, ...grouping.stroke, ...grouping.chart]);
  return [...all].filter((one) => !Object.hasOwn(KNOWN, one) && contextKey(one) === null).sort();
}

/** The value of an expression for a curve; `asked` names the curve's attributes. */
export function attributeOf(curve: Curve, expression: string, asked: readonly string[]): Tagged {
  if (Object.hasOwn(KNOWN, expression)) return KNOWN[expression]?.(curve) ?? null;
  const key = contextKey(expression);
  if (key !== null) return Object.hasOwn(curve.context, key) ? (curve.context[key] ?? null) : null;
  return curve.attributes[asked.indexOf(expression)] ?? null;
}

export function valuesOf(curve: Curve, expressions: readonly string[], asked: readonly string[]): Tagged[] {
  return expressions.map((expression) => attributeOf(curve, expression, asked));
}

/** Equal for equal values, and for no others. */
export function keyOf(values: readonly Tagged[]): string {
  return JSON.stringify(values);
}

/** The key of a chart in the address. */
export function chartKey(values: readonly Tagged[]): string {
  return shortened(keyOf(values));
}

/** What a group is called: `lr = 0.1, subset = val`, or the value alone where that says it. */
export function groupTitle(
  expressions: readonly string[],
  values: readonly Tagged[],
  runName: (hash: string) => string,
): string {
  return expressions
    .map((expression, place) => {
      const value = values[place] ?? null;
      if (expression === "run.hash" && typeof value === "string") return runName(value);
      const text = value === null ? "missing" : showValue(value) || '""';
      const speaks = value !== null && (expression === "metric.name" || expression === "run.name");
      return speaks ? text : `${shortExpression(expression)} = ${text}`;
    })
    .join(", ");
}

/** What a run is called: its name, and the beginning of its hash where it has none. */
export function runLabel(hash: string, name: string | null): string {
  return name || hash.slice(0, 8);
}
