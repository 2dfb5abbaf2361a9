// The sequences of a run, as they are told apart and looked for.

import type { RunDetails } from "../../api/types";
import { showContext } from "../../api/values";

export type RunSequence = RunDetails["sequences"][number];

const SYSTEM = "__system__";

/** Whether a metric tells of the machine and not of the training. */
export function isSystem({ name }: { name: string }): boolean {
  return name.startsWith(SYSTEM);
}

/** The name as people say it: of the machine's metrics without what marks them. */
export function titleOf({ name }: { name: string }): string {
  return isSystem({ name }) ? name.slice(SYSTEM.length).replaceAll("_", " ") : name;
}

export function keyOf({ name, context }: Pick<RunSequence, "name" | "context">): string {
  return JSON.stringify([name, sorted(context)]);
}

function sorted(context: RunSequence["context"]): [string, unknown][] {
  return Object.entries(context).sort(([one], [other]) => (one < other ? -1 : 1));
}

/** Those in which all the words occur, in their names or contexts. */
export function found(sequences: readonly RunSequence[], words: string): RunSequence[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return sequences.filter((sequence) => {
    const text = `${sequence.name} ${showContext(sequence.context)}`.toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
}

const LONGEST = 3500;

/** Metrics in portions of one request each: neighbours together, and no query longer than the server takes. */
export function portions(
  sequences: readonly RunSequence[],
  most = 24,
): { names: string[]; keys: string[] }[] {
  const parts: { names: string[]; keys: string[] }[] = [];
  let length = 0;
  for (const sequence of sequences) {
    const last = parts.at(-1);
    const isKnown = last?.names.at(-1) === sequence.name;
    const more = isKnown ? 0 : written(sequence.name).length + 10;
    if (last && (isKnown || (last.keys.length < most && length + more < LONGEST))) {
      if (!isKnown) last.names.push(sequence.name);
      last.keys.push(keyOf(sequence));
      length += more;
    } else {
      parts.push({ names: [sequence.name], keys: [keyOf(sequence)] });
      length = more;
    }
  }
  return parts;
}

function written(name: string): string {
  return JSON.stringify(name);
}

/** The query for a portion's curves. A name that is too long to be written is asked for by its beginning. */
export function portionQuery(hash: string, names: readonly string[]): string {
  const run = `run.hash == ${JSON.stringify(hash)}`;
  const [only] = names;
  if (only !== undefined && names.length === 1 && written(only).length > LONGEST)
    return `${run} and metric.name.startswith(${written(only.slice(0, 500))})`;
  return `${run} and metric.name in [${names.map(written).join(", ")}]`;
}
