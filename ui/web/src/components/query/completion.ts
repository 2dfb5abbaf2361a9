// What may be written at a place of a query. Knows the text before and behind the cursor, and nothing of an editor.

import type { Kind, NamedSequence, Names } from "../../api/types";
import { showContext } from "../../api/values";
import {
  FUNCTIONS,
  KEYWORDS,
  MEDIA_FIELDS,
  METHODS,
  RUN_FIELDS,
  SEQUENCE_FIELDS,
  SUMMARY_FIELDS,
  TIME_METHODS,
  type Words,
} from "./vocabulary";

export interface Offer {
  /** What is typed to find it, and what is listed. */
  label: string;
  detail?: string;
  sort: "parameter" | "field" | "function" | "keyword" | "method" | "metric" | "text";
  /** What is written instead, where that is not the label. */
  insert?: string;
  /** How far the list puts it up or down, -99 to 99. */
  boost?: number;
}

export interface Offers {
  /** Where the typed part begins that labels are compared with. */
  from: number;
  options: readonly Offer[];
  /** While what is typed looks so, the same offers hold. */
  valid: RegExp;
  /** What is replaced, where that is more than the typed part: an opened text with its quote and bracket. */
  replace?: { from: number; to: number };
}

/** What can be offered in one repository. Put together once for each list of names, for it may be long. */
interface Book {
  everything: Offer[];
  run: Offer[];
  params: Set<string>;
  sequences: Offer[];
  names: { [kind: string]: Offer[] };
  contexts: { [kind: string]: Map<string, Set<string>> };
  experiments: Offer[];
  tags: Offer[];
}

const ENTITIES: readonly Kind[] = ["metric", "images", "audios", "texts", "figures", "distributions"];
const books = new WeakMap<Names, Map<Kind, Book>>();

function quoted(text: string): string {
  return JSON.stringify(text);
}

function fields(words: Words, sort: Offer["sort"], before = "", boost = 0): Offer[] {
  return words.map(([word, detail]) => ({ label: before + word, detail, sort, boost }));
}

function sequencesOf(names: Names, kind: Kind): readonly NamedSequence[] {
  if (kind === "runs") return [];
  return kind === "metric" ? names.metrics : names.sequences[kind];
}

function contextsOf(sequences: readonly NamedSequence[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const { context } of sequences)
    for (const [key, value] of Object.entries(context)) {
      const values = found.get(key) ?? new Set();
      found.set(key, values);
      if (typeof value === "string") values.add(value);
    }
  return found;
}

function texts(values: Iterable<string>, detail: string): Offer[] {
  return [...new Set(values)].map((value) => ({ label: value, detail, sort: "text", insert: quoted(value) }));
}

function compile(names: Names, kind: Kind): Book {
  const run: Offer[] = [
    ...names.params.map((label): Offer => ({ label, sort: "parameter", boost: 2 })),
    ...fields(RUN_FIELDS, "field", "run.", 1),
    ...names.metrics.map(({ expression }): Offer => ({ label: `${expression}.last`, sort: "metric" })),
  ];
  const entity: Offer[] =
    kind === "runs" ? [] : [{ label: kind, detail: "the sequence", sort: "keyword", boost: 4 }];
  return {
    run,
    everything: [
      ...entity,
      { label: "run", detail: "the run", sort: "keyword", boost: 3 },
      ...KEYWORDS.map((label): Offer => ({ label, sort: "keyword", boost: 1 })),
      ...FUNCTIONS.map(
        ([label, detail]): Offer => ({ label, detail, sort: "function", insert: `${label}(` }),
      ),
      ...run,
    ],
    params: new Set(names.params),
    sequences: names.metrics.map(({ name, context, expression }) => ({
      label: name,
      detail: showContext(context),
      sort: "metric",
      insert: `${expression.slice("run.metrics[".length, -1)}]`,
    })),
    names: Object.fromEntries(
      ENTITIES.map((one) => [
        one,
        texts(
          sequencesOf(names, one).map(({ name }) => name),
          "",
        ),
      ]),
    ),
    contexts: Object.fromEntries(ENTITIES.map((one) => [one, contextsOf(sequencesOf(names, one))])),
    experiments: texts(names.experiments, "experiment"),
    tags: texts(names.tags, "tag"),
  };
}

function bookOf(names: Names, kind: Kind): Book {
  const kept = books.get(names) ?? new Map<Kind, Book>();
  books.set(names, kept);
  const book = kept.get(kind) ?? compile(names, kind);
  kept.set(kind, book);
  return book;
}

/** Where the text begins that is still open at the end, and by which quote. */
export function openText(before: string): { at: number; quote: string } | null {
  let open: { at: number; quote: string } | null = null;
  for (let at = 0; at < before.length; at += 1) {
    const sign = before[at] ?? "";
    if (open !== null) {
      if (sign === "\\") at += 1;
      else if (sign === open.quote) open = null;
    } else if (sign === '"' || sign === "'") open = { at, quote: sign };
    else if (sign === "#") {
      const end = before.indexOf("\n", at);
      if (end < 0) return null;
      at = end;
    }
  }
  return open;
}

function inComment(before: string): boolean {
  const line = before.slice(before.lastIndexOf("\n") + 1);
  const sign = line.indexOf("#");
  return sign >= 0 && openText(line.slice(0, sign)) === null;
}

const COMPARED = String.raw`\s*(?:==?|!=|(?:not\s+)?in\s*[\[(](?:[^\])]*,)?)\s*$`;
const EXPERIMENT = new RegExp(String.raw`\brun\.experiment${COMPARED}`);
const NAME = new RegExp(String.raw`\b(${ENTITIES.join("|")})\.name${COMPARED}`);
const CONTEXT = new RegExp(
  String.raw`\b(${ENTITIES.join("|")})\.context(?:\.(\w+)|\[["']([^"']+)["']\])${COMPARED}`,
);
const CONTEXT_KEY = new RegExp(String.raw`\b(${ENTITIES.join("|")})\.context\[\s*$`);
const SEQUENCE = /\.metrics\[\s*$/;
const OPERAND = /(?:^|[(,]|\b(?:and|or|not|if|else))\s*$/;

/** The texts that make sense behind `head`. */
function textsBehind(head: string, tail: string, book: Book): Offer[] | null {
  if (SEQUENCE.test(head)) return book.sequences;
  if (EXPERIMENT.test(head)) return book.experiments;
  const name = NAME.exec(head);
  if (name) return book.names[name[1] ?? ""] ?? null;
  const context = CONTEXT.exec(head);
  if (context) return texts(book.contexts[context[1] ?? ""]?.get(context[2] ?? context[3] ?? "") ?? [], "");
  const key = CONTEXT_KEY.exec(head);
  if (key) return texts(book.contexts[key[1] ?? ""]?.keys() ?? [], "");
  if (/^["']?\s*(?:not\s+)?in\s+run\.tags/.test(tail)) return book.tags;
  if (OPERAND.test(head))
    return book.tags.map((tag) => ({ ...tag, insert: `${tag.insert ?? quoted(tag.label)} in run.tags` }));
  return null;
}

function insideText(before: string, after: string, at: number, quote: string, book: Book): Offers | null {
  const head = before.slice(0, at);
  const options = textsBehind(head, after, book);
  if (options === null || options.length === 0) return null;
  // the closing signs that the editor has put there by itself belong to what is replaced
  const closing = after.startsWith(quote) ? (SEQUENCE.test(head) && after[1] === "]" ? 2 : 1) : 0;
  return {
    from: at + 1,
    options,
    valid: /^[^"'\\]*$/,
    replace: { from: at, to: before.length + closing },
  };
}

const PATH = /[A-Za-z_]\w*(?:\.\w+|\[[^[\]]*\])*\.?$/;
const TIMES = new Set(["run.created_at", "run.finalized_at"]);

/** What follows the last dot of a path; null where the whole path is what is completed. */
function behindDot(base: string, book: Book): Offer[] | null {
  if (/\.metrics\[.*\]$/.test(base)) return fields(SUMMARY_FIELDS, "field");
  if (base === "metric") return fields(SEQUENCE_FIELDS, "field");
  if (ENTITIES.includes(base as Kind)) return fields(MEDIA_FIELDS, "field");
  const context = /^(\w+)\.context$/.exec(base);
  if (context && book.contexts[context[1] ?? ""])
    return [...(book.contexts[context[1] ?? ""]?.keys() ?? [])]
      .filter((key) => /^[A-Za-z_]\w*$/.test(key))
      .map((label) => ({ label, sort: "field" }));
  if (TIMES.has(base)) return fields(TIME_METHODS, "method");
  if (book.params.has(base) || /^(?:run\.(?:name|experiment|description)|\w+\.name)$/.test(base))
    return fields(METHODS, "method").map((offer) => ({ ...offer, insert: `${offer.label}(` }));
  return null;
}

/** What can stand at the end of `before`; null if nothing is known or nothing was begun. */
export function offersAt(
  before: string,
  after: string,
  kind: Kind,
  names: Names,
  explicit: boolean,
): Offers | null {
  const book = bookOf(names, kind);
  const open = openText(before);
  if (open !== null) return insideText(before, after, open.at, open.quote, book);
  if (inComment(before)) return null;
  const here = before.length;
  if (SEQUENCE.test(before)) {
    const to = here + (after.startsWith("]") ? 1 : 0);
    return { from: here, options: book.sequences, valid: /^\w*$/, replace: { from: here, to } };
  }
  const path = PATH.exec(before)?.[0] ?? "";
  if (path === "") {
    const values = textsBehind(before, "", book);
    if (values !== null && !OPERAND.test(before))
      return { from: here, options: values, valid: /^\w*$/, replace: { from: here, to: here } };
    // a number, or a place where an operator belongs, completes to nothing
    if (!explicit || /[\w.\])]$/.test(before)) return null;
    return { from: here, options: book.everything, valid: /^\w*$/ };
  }
  const whole = path.replace(/^(?:metric|images|audios|texts|figures|distributions)\.(?=run\b)/, "");
  const dot = path.lastIndexOf(".");
  const base = whole.slice(0, Math.max(whole.lastIndexOf("."), 0));
  const rest = dot < 0 ? null : behindDot(base, book);
  if (rest !== null) return { from: here - path.length + dot + 1, options: rest, valid: /^\w*$/ };
  if (whole.startsWith("run.") || whole.startsWith("run["))
    return { from: here - whole.length, options: book.run, valid: /^run[\w.]*$/ };
  if (dot >= 0) return null;
  return { from: here - path.length, options: book.everything, valid: /^\w*$/ };
}
