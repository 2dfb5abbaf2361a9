import type { SequenceHead } from "../../api/types";

/** A sequence as a key: what makes it one. */
export function sequenceKey({ run, name, context }: Pick<SequenceHead, "run" | "name" | "context">): string {
  return JSON.stringify([run, name, context]);
}
