// What a reader can choose to group, colour or draw by: expressions of AimQL, and what they are called.

import type { NamedSequence, Names } from "../../api/types";
import { showContext } from "../../api/values";

export interface Option {
  expression: string;
  /** What people call it. */
  label: string;
  section: string;
}

const SUMMARIES = ["last", "min", "max", "mean", "first", "count"] as const;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const OF_RUN: readonly Option[] = [
  { expression: "run.hash", label: "run", section: "Run" },
  { expression: "run.name", label: "run name", section: "Run" },
  { expression: "run.experiment", label: "experiment", section: "Run" },
  { expression: "run.tags", label: "tags", section: "Run" },
  { expression: "run.active", label: "running", section: "Run" },
];
const OF_TIME: readonly Option[] = [
  { expression: "run.creation_time", label: "created", section: "Run" },
  { expression: "run.duration", label: "duration (s)", section: "Run" },
];

/** What curves can be grouped by. */
export function groupingOptions(names: Names | undefined): Option[] {
  const keys = new Set((names?.metrics ?? []).flatMap((metric) => Object.keys(metric.context)));
  return [
    { expression: "metric.name", label: "metric name", section: "Metric" },
    ...[...keys].sort().map((key) => ({
      expression: contextExpression(key),
      label: key,
      section: "Context",
    })),
    ...OF_RUN,
    ...parameterOptions(names),
  ];
}

/** What runs can be compared by: parameters, summaries of metrics, and properties. */
export function comparisonOptions(names: Names | undefined): Option[] {
  return [
    ...parameterOptions(names),
    ...(names?.metrics ?? []).flatMap((metric) =>
      SUMMARIES.map((summary) => ({
        expression: `${metric.expression}.${summary}`,
        label: summaryLabel(metric, summary),
        section: "Metrics",
      })),
    ),
    ...OF_RUN,
    ...OF_TIME,
  ];
}

function parameterOptions(names: Names | undefined): Option[] {
  return (names?.params ?? []).map((expression) => ({
    expression,
    label: shortExpression(expression),
    section: "Parameters",
  }));
}

function summaryLabel(metric: NamedSequence, summary: string): string {
  const context = showContext(metric.context);
  return `${metric.name}${context && ` ${context}`} · ${summary}`;
}

export function contextExpression(key: string): string {
  return NAME.test(key) ? `metric.context.${key}` : `metric.context[${JSON.stringify(key)}]`;
}

/** The key of a context that an expression is, as `contextExpression` writes it; null for any other. */
export function contextKey(expression: string): string | null {
  const rest = expression.startsWith("metric.context") ? expression.slice("metric.context".length) : "";
  if (rest.startsWith(".") && NAME.test(rest.slice(1))) return rest.slice(1);
  if (!rest.startsWith("[")) return null;
  try {
    const key: unknown = JSON.parse(rest)[0];
    return typeof key === "string" && `[${JSON.stringify(key)}]` === rest ? key : null;
  } catch {
    return null;
  }
}

/** An expression as people say it, where that cannot be mistaken. */
export function shortExpression(expression: string): string {
  const fixed = [...OF_RUN, ...OF_TIME].find((option) => option.expression === expression);
  if (fixed) return fixed.label;
  if (expression === "metric.name") return "metric name";
  const key = contextKey(expression);
  if (key !== null) return key;
  const summary = /^run\.metrics\[(.*)\]\.(\w+)$/s.exec(expression);
  if (summary?.[1] && summary[2]) return `${sequenceLabel(summary[1])} · ${summary[2]}`;
  if (/^run(\.[A-Za-z_]\w*)+$/.test(expression)) return expression.slice("run.".length);
  return expression;
}

function sequenceLabel(inside: string): string {
  try {
    const [name, context] = JSON.parse(`[${inside}]`);
    const more = context ? showContext(context) : "";
    return `${name}${more && ` ${more}`}`;
  } catch {
    return inside;
  }
}

/** The options that have every word of the search in their name or expression, the best first. */
export function found(options: readonly Option[], search: string): readonly Option[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return options;
  const matches = options.filter((option) => {
    const text = `${option.label} ${option.expression}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const first = words[0] ?? "";
  const merit = (option: Option) => Number(!option.label.toLowerCase().startsWith(first));
  return matches.sort((one, other) => merit(one) - merit(other));
}
