// What elements of the page are given to show, with signs that are not seen written out. Every element passes here, so
// that no page can forget it.

import { createElement, type ReactNode } from "react";
import { isLegible, legible, pieces } from "./legible";

const SAID = ["title", "aria-label", "aria-description", "alt", "placeholder"] as const;
/** Elements that hold text and nothing else. */
const TEXT_ONLY = new Set<unknown>(["option", "title", "style", "script"]);

function written(child: ReactNode, asText: boolean): ReactNode {
  if (typeof child === "string") {
    if (isLegible(child)) return child;
    if (asText) return legible(child);
    return pieces(child).map((piece, at) =>
      at % 2 ? createElement("span", { key: at, className: "sign" }, piece) : piece,
    );
  }
  if (!Array.isArray(child)) return child;
  let changed: ReactNode[] | null = null;
  for (const [at, one] of child.entries()) {
    const next = written(one, asText);
    if (next === one) continue;
    changed ??= [...child];
    changed[at] = next;
  }
  return changed ?? child;
}

/** The properties of an element as it is to be made. */
export function shown<Props>(type: unknown, props: Props): Props {
  const given = props as { [name: string]: unknown };
  let changed: { [name: string]: unknown } | null = null;
  for (const name of SAID) {
    const text = given[name];
    if (typeof text === "string" && !isLegible(text)) {
      changed ??= { ...given };
      changed[name] = legible(text);
    }
  }
  const children = given.children as ReactNode;
  const next = written(children, TEXT_ONLY.has(type));
  if (next !== children) {
    changed ??= { ...given };
    changed.children = next;
  }
  return (changed ?? given) as Props;
}
