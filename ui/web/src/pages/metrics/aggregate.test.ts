import { expect, test } from "vitest";
import { aggregated, interpolated, quantile, sharedGrid } from "./aggregate";
import type { Points } from "./series";
import { BANDS, CENTRES } from "./state";

// the same numbers in every run of the test
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const points = (x: number[], y: number[]): Points => ({ x: Float64Array.from(x), y: Float64Array.from(y) });

function someCurves(seed: number): Points[] {
  const next = random(seed);
  return Array.from({ length: 1 + Math.floor(next() * 6) }, () => {
    const length = 1 + Math.floor(next() * 30);
    const steps = new Set(Array.from({ length }, () => Math.floor(next() * 50)));
    const x = [...steps].sort((one, other) => one - other);
    return points(
      x,
      x.map(() => (next() < 0.1 ? Number.NaN : next() * 10 - 5)),
    );
  });
}

/** A curve's value at one x, by looking through all of its finite points. */
function valueAt({ x, y }: Points, here: number): number | null {
  const finite = Array.from(x, (one, place) => [one, y[place] as number] as const).filter(([, value]) =>
    Number.isFinite(value),
  );
  const before = finite.filter(([one]) => one <= here).at(-1);
  const after = finite.find(([one]) => one >= here);
  if (!before || !after) return null;
  if (before[0] === after[0]) return before[1];
  return before[1] + ((after[1] - before[1]) * (here - before[0])) / (after[0] - before[0]);
}

test.each(Array.from({ length: 40 }, (_, seed) => seed))(
  "aggregates are those of brute force (%i)",
  (seed) => {
    const curves = someCurves(seed);
    const expectedGrid = [
      ...new Set(curves.flatMap(({ x, y }) => Array.from(x).filter((_, at) => Number.isFinite(y[at])))),
    ].sort((one, other) => one - other);
    for (const centre of CENTRES) {
      for (const band of BANDS) {
        const result = aggregated(curves, { centre, band }, false);
        expect(Array.from(result.x)).toEqual(expectedGrid);
        expectedGrid.forEach((here, place) => {
          const values = curves.map((one) => valueAt(one, here)).filter((value) => value !== null);
          values.sort((one, other) => one - other);
          expect(result.counts[place]).toBe(values.length);
          const average = values.reduce((sum, value) => sum + value, 0) / values.length;
          const half = (values.length - 1) / 2;
          const median = ((values[Math.floor(half)] as number) + (values[Math.ceil(half)] as number)) / 2;
          const middle = centre === "mean" ? average : median;
          expect(result.y[place]).toBeCloseTo(middle, 9);
          const squares = values.reduce((sum, value) => sum + (value - average) ** 2, 0);
          const spread = values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0;
          const error = spread / Math.sqrt(values.length);
          const expected = {
            none: null,
            range: [values[0], values.at(-1)],
            deviation: [middle - spread, middle + spread],
            error: [middle - error, middle + error],
            quartiles: null,
          }[band] as [number, number] | null;
          if (band === "none") expect(result.band).toBeNull();
          if (!expected) return;
          expect(result.band?.low[place]).toBeCloseTo(expected[0], 9);
          expect(result.band?.high[place]).toBeCloseTo(expected[1], 9);
        });
      }
    }
  },
);

test("quartiles are those of linear interpolation", () => {
  const sorted = Float64Array.from([1, 2, 3, 4]);
  expect([0, 0.25, 0.5, 0.75, 1].map((part) => quantile(sorted, part))).toEqual([1, 1.75, 2.5, 3.25, 4]);
  expect(quantile(new Float64Array(), 0.5)).toBeNaN();
});

test("a curve has no value before its first point or behind its last", () => {
  const values = interpolated(points([2, 4], [1, 3]), Float64Array.from([1, 2, 3, 4, 5]));
  expect(Array.from(values)).toEqual([NaN, 1, 2, 3, NaN]);
});

test("curves with other steps are aligned by interpolation", () => {
  const result = aggregated(
    [points([0, 10], [0, 10]), points([5, 15], [0, 10])],
    { centre: "mean", band: "range" },
    false,
  );
  expect(Array.from(result.x)).toEqual([0, 5, 10, 15]);
  expect(Array.from(result.y)).toEqual([0, 2.5, 7.5, 10]);
  expect(Array.from(result.counts)).toEqual([1, 2, 2, 1]);
});

test("too many x make a grid from the first to the last", () => {
  const x = Array.from({ length: 5000 }, (_, place) => 1 + place);
  const one = points(x, x);
  const grid = sharedGrid([one], 100, false);
  expect(grid.length).toBe(100);
  expect([grid[0], grid[99]]).toEqual([1, 5000]);
  const log = sharedGrid([one], 3, true);
  expect(log[1]).toBeCloseTo(Math.sqrt(5000), 6);
  expect(log[2]).toBe(5000);
});

test("x that go back are sorted, and equal ones are averaged", () => {
  const result = aggregated([points([2, 1, 1, 1], [5, 1, 2, 6])], { centre: "mean", band: "none" }, false);
  expect(Array.from(result.x)).toEqual([1, 2]);
  expect(result.y[0]).toBeCloseTo(3, 12);
});

test("on a logarithmic scale, x that have no place there are left out", () => {
  const result = aggregated([points([0, 1, 2], [9, 1, 2])], { centre: "mean", band: "none" }, true);
  expect(Array.from(result.x)).toEqual([1, 2]);
});

test("nothing makes nothing", () => {
  expect(aggregated([points([1], [NaN])], { centre: "median", band: "error" }, false).x.length).toBe(0);
});
