// Queries that the page offers where nothing has been asked yet.

import { changed } from "../../address";
import type { Context, NamedSequence, Tagged } from "../../api/types";
import { asAimQL } from "../../api/values";
import { contextExpression } from "../../components/picker/expressions";

export interface NamedMetric {
  name: string;
  contexts: Context[];
}

// what a machine tells of itself is seldom what is looked for first
const OF_MACHINE = /^(__system__|system[./_])/;
const CONTEXTS = 12;

export function metricsByName(metrics: readonly NamedSequence[]): NamedMetric[] {
  const names = new Map<string, Context[]>();
  for (const { name, context } of metrics) {
    const contexts = names.get(name);
    if (contexts) contexts.push(context);
    else names.set(name, [context]);
  }
  return [...names]
    .map(([name, contexts]) => ({ name, contexts }))
    .sort(
      (one, other) =>
        Number(OF_MACHINE.test(one.name)) - Number(OF_MACHINE.test(other.name)) ||
        one.name.localeCompare(other.name, "en", { numeric: true }),
    );
}

/** Contexts are offered where there is a choice among them, and they can be written in a query. */
export function shownContexts(contexts: readonly Context[]): readonly Context[] {
  if (contexts.length < 2) return [];
  return contexts
    .filter(
      (one) => Object.keys(one).length > 0 && Object.values(one).every((value) => written(value) !== null),
    )
    .slice(0, CONTEXTS);
}

export function metricQuery(name: string, only = ""): string {
  return to(`metric.name == ${JSON.stringify(name)}`, only);
}

export function contextQuery(name: string, context: Context, only = ""): string {
  const conditions = Object.entries(context).map(
    ([key, value]) => `${contextExpression(key)} == ${written(value)}`,
  );
  return to([`metric.name == ${JSON.stringify(name)}`, ...conditions].join(" and "), only);
}

export function runQuery(hash: string): string {
  return to(`run.hash == ${JSON.stringify(hash)}`, "");
}

export function runsCondition(hashes: readonly string[]): string {
  return `run.hash in [${hashes.map((hash) => JSON.stringify(hash)).join(", ")}]`;
}

function to(query: string, only: string): string {
  return `/metrics${changed("", { q: only ? `${query} and ${only}` : query })}`;
}

// NaN equals nothing, so that a condition with it would find nothing
function written(value: Tagged): string | null {
  return typeof value === "number" && !Number.isFinite(value) ? null : asAimQL(value);
}
