// Texts on a canvas.

import { legible } from "../../legible/legible";

/** A text that is cut where it would be too wide. */
export function cut(context: CanvasRenderingContext2D, written: string, width: number): string {
  const text = legible(written);
  if (context.measureText(text).width <= width) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return low === 0 ? "" : `${text.slice(0, low)}…`;
}
