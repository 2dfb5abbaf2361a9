// How wide the reader made columns. Kept in the browser: it is about a screen, and not about what is shown.

import { useCallback, useState } from "react";

export type Widths = { [id: string]: number };

const KEY = "runstone.widths";
const LONGEST = 500;
export const NARROWEST = 56;
export const WIDEST = 1200;

/** What was kept, as far as it is widths. */
export function understood(kept: string | null): Widths {
  try {
    const found: unknown = JSON.parse(kept ?? "{}");
    if (found === null || typeof found !== "object") return {};
    const isWidth = (entry: [string, unknown]): entry is [string, number] =>
      typeof entry[1] === "number" && entry[1] >= NARROWEST && entry[1] <= WIDEST;
    return Object.fromEntries(Object.entries(found).filter(isWidth).slice(-LONGEST));
  } catch {
    return {};
  }
}

function kept(): Widths {
  try {
    return understood(window.localStorage.getItem(KEY));
  } catch {
    return {}; // a browser may refuse to keep anything
  }
}

/** The widths, and a function that gets the new ones or makes them of the old. */
export function useWidths(): [Widths, (next: Widths | ((old: Widths) => Widths)) => void] {
  const [widths, setWidths] = useState(kept);
  const change = useCallback((next: Widths | ((old: Widths) => Widths)) => {
    setWidths((old) => {
      const made = typeof next === "function" ? next(old) : next;
      try {
        window.localStorage.setItem(KEY, JSON.stringify(understood(JSON.stringify(made))));
      } catch {
        // the width holds until the page is left
      }
      return made;
    });
  }, []);
  return [widths, change];
}
