// The binary form of curves: a header in JSON, and float64 arrays behind it (docs/api.md, "Curves").

import type { CurvePlaces, CurvesHeader } from "./types";

export interface Curve extends Omit<CurvePlaces, "x" | "y" | "smoothed"> {
  x: Float64Array;
  y: Float64Array;
  smoothed: { x: Float64Array; y: Float64Array } | null;
}

export interface Curves extends Omit<CurvesHeader, "sequences"> {
  sequences: Curve[];
}

export function decodeCurves(data: ArrayBuffer): Curves {
  const length = new DataView(data).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length))) as CurvesHeader;
  const start = 4 + length;
  const part = (place: number, count: number) => new Float64Array(data, start + place * 8, count);
  const sequences = header.sequences.map(({ x, y, smoothed, ...rest }) => ({
    ...rest,
    x: part(x, rest.length),
    y: part(y, rest.length),
    smoothed: smoothed && { x: part(smoothed.x, smoothed.length), y: part(smoothed.y, smoothed.length) },
  }));
  return { ...header, sequences };
}
