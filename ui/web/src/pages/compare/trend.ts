// A straight line through points, by least squares.

export interface Trend {
  slope: number;
  intercept: number;
  /** How much of the variance the line explains, from 0 to 1. */
  r2: number;
  count: number;
}

/** Through the points that are finite; null with fewer than three, or where all have the same x. */
export function trendOf(x: readonly number[], y: readonly number[]): Trend | null {
  let [count, meanX, meanY, xx, xy, yy] = [0, 0, 0, 0, 0, 0];
  for (let place = 0; place < x.length; place += 1) {
    const [a, b] = [x[place] as number, y[place] as number];
    if (!Number.isFinite(a) || !Number.isFinite(b)) continue;
    count += 1;
    const [dx, dy] = [a - meanX, b - meanY];
    meanX += dx / count;
    meanY += dy / count;
    xx += dx * (a - meanX);
    xy += dx * (b - meanY);
    yy += dy * (b - meanY);
  }
  if (count < 3 || !(xx > 0)) return null;
  const slope = xy / xx;
  return { slope, intercept: meanY - slope * meanX, r2: yy > 0 ? (xy * xy) / (xx * yy) : 1, count };
}
