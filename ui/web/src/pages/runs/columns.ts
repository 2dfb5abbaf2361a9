// The columns of the table: which there are, what they are called, and how the address says so.

import type { Changes } from "../../address";
import type { NamedSequence, Names, Tagged } from "../../api/types";
import { showValue } from "../../api/values";

export interface Column {
  /** The name of one that every run has, or the AimQL expression that it shows. What the address says. */
  id: string;
  title: string;
  /** What the server is asked for; null for those that come with every run. */
  expression: string | null;
  /** The expression by which runs are put in order, and in groups. */
  order: string;
  size: number;
}

const BUILT_IN: { [id: string]: Omit<Column, "id" | "expression"> } = {
  status: { title: "Status", order: "run.active", size: 100 },
  name: { title: "Name", order: "run.name", size: 220 },
  experiment: { title: "Experiment", order: "run.experiment", size: 130 },
  created: { title: "Created", order: "run.creation_time", size: 160 },
  duration: { title: "Duration", order: "run.duration", size: 96 },
  tags: { title: "Tags", order: '", ".join(run.tags)', size: 130 },
};

export const BUILT_IN_IDS: readonly string[] = Object.keys(BUILT_IN);
const EXPRESSION_SIZE = 130;

/** A context or a key as people say it. */
function said(value: unknown): string {
  return showValue(value as Tagged);
}

/** An expression in as few words as it takes: `hparams.lr`, `loss subset=val · last`. */
export function titleOf(expression: string): string {
  const summary = /^run\.metrics\[(.*)\](?:\.(\w+))?$/s.exec(expression);
  if (summary) {
    const of = summary[2] ? ` · ${summary[2]}` : "";
    try {
      const [name, context] = JSON.parse(`[${summary[1]}]`) as [unknown, { [key: string]: unknown }?];
      const parts = Object.entries(context ?? {}).map(([key, value]) => `${key}=${said(value)}`);
      if (typeof name === "string") return [name, ...parts].join(" ") + of;
    } catch {
      return `${summary[1]}${of}`; // a context that Python writes and JSON does not
    }
  }
  if (/^run(?:\.\w+|\["(?:[^"\\]|\\.)*"(?:, "(?:[^"\\]|\\.)*")*\])+$/.test(expression)) {
    const keys = expression.matchAll(/\.(\w+)|("(?:[^"\\]|\\.)*")/g);
    return [...keys].map(([, plain, text]) => plain ?? textOf(text)).join(".");
  }
  return expression;
}

function textOf(literal = ""): string {
  try {
    return String(JSON.parse(literal));
  } catch {
    return literal;
  }
}

export function columnOf(id: string): Column {
  const builtIn = BUILT_IN[id];
  if (builtIn) return { id, expression: null, ...builtIn };
  return { id, title: titleOf(id), expression: id, order: id, size: EXPRESSION_SIZE };
}

/** What most people vary, and what they look at first. */
const KNOWN_PARAMETER =
  /(?:^|[._"])(?:lr|learning_rate|batch[_ ]?size|optim(?:izer)?|opt|model|arch|epochs?|seed|dropout|weight_decay|depth|layers)"?\]?$/i;
const KNOWN_METRIC = /loss|acc|error|f1|auc|bleu|perplexity|reward|score/i;
const HELD_OUT = new Set<unknown>(["val", "valid", "validation", "eval", "test", "dev"]);

/** The first `most` of a list by a rank, least first; in the order of the list. */
function foremost<T>(list: readonly T[], rank: (one: T) => number, most: number): T[] {
  const chosen = new Set([...list].sort((one, other) => rank(one) - rank(other)).slice(0, most));
  return list.filter((one) => chosen.has(one));
}

/** Columns for a repository about which nothing was said: a few parameters, and how a few metrics ended. */
export function defaultExpressions(names: Names): string[] {
  const params = names.params.filter((one) => !/^run(?:\.|\[")_/.test(one));
  const metrics = names.metrics.filter(({ name }) => !name.startsWith("__"));
  const isHeldOut = (one: NamedSequence) => Object.values(one.context).some((value) => HELD_OUT.has(value));
  return [
    ...foremost(params, (one) => (KNOWN_PARAMETER.test(one) ? 0 : 10) + one.split(/\.|\[/).length, 6),
    ...foremost(metrics, (one) => (KNOWN_METRIC.test(one.name) ? 0 : 2) + (isHeldOut(one) ? 0 : 1), 3).map(
      ({ expression }) => `${expression}.last`,
    ),
  ];
}

/** The columns that the address speaks of, in order. With expressions alone, those of every run stand before them. */
export function columnIds(parameters: URLSearchParams, byDefault: readonly string[]): string[] {
  const said = [...new Set(parameters.getAll("c").filter((id) => id.trim() !== ""))];
  if (said.length === 0) return [...BUILT_IN_IDS, ...byDefault];
  if (!said.some((id) => id in BUILT_IN)) return [...BUILT_IN_IDS, ...said];
  return said.includes("name") ? said : ["name", ...said];
}

/** What the address becomes with these columns; nothing is said that goes without saying. */
export function columnChanges(ids: readonly string[], byDefault: readonly string[]): Changes {
  const plain = [...BUILT_IN_IDS, ...byDefault];
  const same = ids.length === plain.length && ids.every((id, place) => id === plain[place]);
  return { c: same ? null : ids };
}

/** The columns that stay when the table is moved sideways. */
export function pinnedIds(parameters: URLSearchParams): string[] {
  const said = parameters.getAll("pin");
  return said.length === 0 ? ["name"] : said.filter((id) => id !== "-");
}

export function pinChanges(ids: readonly string[]): Changes {
  if (ids.length === 1 && ids[0] === "name") return { pin: null };
  return { pin: ids.length === 0 ? "-" : ids };
}

/** The list with one element moved to where another stands, or by some places. */
export function movedTo(ids: readonly string[], id: string, target: string): string[] {
  const place = ids.indexOf(target);
  if (place < 0 || !ids.includes(id)) return [...ids];
  const rest = ids.filter((one) => one !== id);
  rest.splice(place, 0, id);
  return rest;
}

export function movedBy(ids: readonly string[], id: string, places: number): string[] {
  const from = ids.indexOf(id);
  const target = ids[Math.min(Math.max(from + places, 0), ids.length - 1)];
  return target === undefined ? [...ids] : movedTo(ids, id, target);
}

export interface Sorting {
  order: string | null;
  descending: boolean;
}

export function sortingOf(parameters: URLSearchParams): Sorting {
  const order = parameters.get("order_by");
  return { order: order || null, descending: order !== null && parameters.get("descending") === "1" };
}

/** The next order when a header is pressed: rising, falling, and none (newest first). */
export function sortChanges({ order, descending }: Sorting, by: string): Changes {
  if (order !== by) return { order_by: by, descending: null };
  return descending ? { order_by: null, descending: null } : { order_by: by, descending: "1" };
}
