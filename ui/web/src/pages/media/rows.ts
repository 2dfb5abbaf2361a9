// Texts as the rows of one long list: a heading for each sequence, then its texts.

import type { MediaSequence, TextValue, Unreadable } from "../../api/types";
import { sequenceKey } from "./key";

export interface HeadRow {
  kind: "head";
  id: string;
  sequence: MediaSequence<TextValue>;
}
export interface TextRow {
  kind: "text";
  id: string;
  sequence: MediaSequence<TextValue>;
  step: number;
  /** Where it stands in the list that was tracked at this step, and how long that is. */
  index: number;
  length: number;
  value: TextValue | Unreadable;
}

/** The texts in which a phrase occurs (all, without one), below their sequences. What cannot be read stays. */
export function textRows(
  sequences: readonly MediaSequence<TextValue>[],
  phrase: string,
): (HeadRow | TextRow)[] {
  const wanted = phrase.toLowerCase();
  return sequences.flatMap((sequence) => {
    const key = sequenceKey(sequence);
    const rows = sequence.points.flatMap(({ step, values }) =>
      values.map(
        (value, index): TextRow => ({
          kind: "text",
          id: `${key} ${step} ${index}`,
          sequence,
          step,
          index,
          length: values.length,
          value,
        }),
      ),
    );
    const kept = rows.filter(
      ({ value }) => !wanted || "error" in value || value.text.toLowerCase().includes(wanted),
    );
    return kept.length ? [{ kind: "head" as const, id: key, sequence }, ...kept] : [];
  });
}

/** A text in pieces, those that are the phrase told apart. */
export function pieces(text: string, phrase: string): { text: string; isHit: boolean }[] {
  const wanted = phrase.toLowerCase();
  const lower = text.toLowerCase();
  // lower case may be longer than what it stands for: then places do not fit, and nothing is marked
  if (!wanted || lower.length !== text.length) return [{ text, isHit: false }];
  const found: { text: string; isHit: boolean }[] = [];
  let at = 0;
  for (let hit = lower.indexOf(wanted); hit >= 0; hit = lower.indexOf(wanted, at)) {
    if (hit > at) found.push({ text: text.slice(at, hit), isHit: false });
    at = hit + wanted.length;
    found.push({ text: text.slice(hit, at), isHit: true });
  }
  if (at < text.length) found.push({ text: text.slice(at), isHit: false });
  return found;
}
