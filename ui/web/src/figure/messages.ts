// What the page and the frame of a figure say to each other.

import type { Tagged } from "../api/types";

export interface ToFrame {
  kind: "draw";
  /** Plotly's JSON: an object, or its text. */
  json: Tagged;
  theme: "light" | "dark";
}

export type FromFrame =
  | { kind: "ready" }
  | { kind: "drawn"; height: number; notes: string[] }
  | { kind: "error"; message: string };
