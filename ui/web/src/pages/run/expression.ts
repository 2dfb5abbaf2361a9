// How AimQL names a parameter and writes a value, so that what is shown can be asked for.

import type { Context, Tagged } from "../../api/types";
import { asAimQL } from "../../api/values";

export type Path = readonly (string | number)[];

/** What `run.` means by itself: a parameter of such a name is asked for in brackets. */
const PROPERTIES = new Set(
  (
    "hash name experiment description tags archived active creation_time end_time created_at finalized_at duration " +
    "metrics get items keys values"
  ).split(" "),
);
const KEYWORDS = new Set(
  (
    "False None True and as assert async await break class continue def del elif else except finally for from global " +
    "if import in is lambda nonlocal not or pass raise return try while with yield"
  ).split(" "),
);

function isPlain(key: string): boolean {
  return /^[A-Za-z][A-Za-z0-9_]*$/.test(key) && !KEYWORDS.has(key) && !PROPERTIES.has(key);
}

/** The parameter at a path, such as `run.hparams.lr` or `run["batch size"][0]`. */
export function expressionOf(path: Path): string {
  const parts = path.map((key) => {
    if (typeof key === "number") return `[${key}]`;
    return isPlain(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
  });
  return `run${parts.join("")}`;
}

/** The condition that a parameter has a value; null where AimQL cannot write the value. */
export function conditionOf(path: Path, value: Tagged): string | null {
  const written = writeValue(value);
  return written === null ? null : `${expressionOf(path)} == ${written}`;
}

function writeValue(value: Tagged): string | null {
  const plain = asAimQL(value);
  if (plain !== null) return plain;
  if (Array.isArray(value)) {
    const items = value.map(writeValue);
    return items.includes(null) ? null : `[${items.join(", ")}]`;
  }
  return null;
}

/** The condition that a sequence has a name and a context. `entity` is `metric`, `images`, ... */
export function sequenceCondition(run: string, entity: string, name: string, context: Context): string {
  const conditions = [`run.hash == ${JSON.stringify(run)}`, `${entity}.name == ${JSON.stringify(name)}`];
  for (const [key, value] of Object.entries(context)) {
    const written = writeValue(value);
    if (written !== null) conditions.push(`${entity}.context[${JSON.stringify(key)}] == ${written}`);
  }
  return conditions.join(" and ");
}
