// The colour of each run, by the value of an expression.

import type { Tagged } from "../../api/types";
import { asNumber, showValue } from "../../api/values";
import { allocated, colour, ramp, rank, scaleOf } from "../../components/colouring/colouring";

export interface Tint {
  of: (place: number) => string;
  /** The ends of the scale, where colours are one. */
  scale: [number, number] | null;
  /** What each colour says, the most frequent first, where they are not. */
  keys: readonly { label: string; colour: string; count: number }[];
}

const NOTHING = { light: "#9aa19d", dark: "#6d7671" } as const;

/** Colours for values; without values, one for all. */
export function tintFor(
  values: readonly Tagged[] | null,
  theme: "light" | "dark",
  before?: ReadonlyMap<string, number>,
): Tint & { numbers: Map<string, number> } {
  if (values === null) return { of: () => colour(0, theme), scale: null, keys: [], numbers: new Map() };
  const scale = scaleOf(values);
  if (scale) {
    const of = (place: number) => {
      const value = asNumber(values[place]);
      return value === null || !Number.isFinite(value) ? NOTHING[theme] : ramp(rank(scale, value), theme);
    };
    return {
      of,
      scale: [scale[0] as number, scale[scale.length - 1] as number],
      keys: [],
      numbers: new Map(),
    };
  }
  const counts = new Map<string, number>();
  const texts = values.map((value) => (value === null || value === undefined ? null : JSON.stringify(value)));
  for (const text of texts) if (text !== null) counts.set(text, (counts.get(text) ?? 0) + 1);
  const numbers = allocated(counts.keys(), before);
  const paint = (text: string | null) =>
    text === null ? NOTHING[theme] : colour(numbers.get(text) ?? 0, theme);
  const keys = [...counts]
    .sort(([, one], [, other]) => other - one)
    .map(([text, count]) => ({ label: showValue(JSON.parse(text)) || '""', colour: paint(text), count }));
  const missing = texts.filter((text) => text === null).length;
  if (missing > 0) keys.push({ label: "missing", colour: NOTHING[theme], count: missing });
  return { of: (place) => paint(texts[place] ?? null), scale: null, keys, numbers };
}
