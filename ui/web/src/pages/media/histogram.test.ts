import { describe, expect, it } from "vitest";
import { binAt, density, edges, rangeOf } from "./histogram";

const value = (weights: number[], low: number, high: number) => ({ weights, low, high });

describe("histograms", () => {
  it("share a range", () => {
    const columns = [value([1], -1, 0), value([1], 2, 3), { error: "damaged" }].map((one, step) => ({
      step,
      value: one,
    }));
    expect(rangeOf(columns)).toEqual({ low: -1, high: 3 });
    expect(rangeOf([])).toBeNull();
    expect(rangeOf([{ step: 0, value: value([5], 2, 2) }])).toEqual({ low: 1.98, high: 2.02 });
  });
  it("keep their weight when they are spread over other bins", () => {
    for (const rows of [1, 3, 7, 160]) {
      const spread = density(value([1, 2, 3, 4], -1, 1), { low: -2, high: 3 }, rows);
      expect((spread.reduce((sum, one) => sum + one, 0) * 5) / rows).toBeCloseTo(1, 10);
    }
    expect([...density(value([0, 0], 0, 1), { low: 0, high: 1 }, 4)]).toEqual([0, 0, 0, 0]);
    expect(density(value([5], 2, 2), { low: 1, high: 3 }, 4).reduce((sum, one) => sum + one, 0)).toBeCloseTo(
      2,
      10,
    );
  });
  it("know the bin at a value", () => {
    const four = value([1, 2, 3, 4], 0, 4);
    expect([-0.1, 0, 0.99, 1, 4, 4.1].map((at) => binAt(four, at))).toEqual([null, 0, 0, 1, 3, null]);
    expect(edges(four, 2)).toEqual([2, 3]);
    expect(binAt({ error: "damaged" }, 1)).toBeNull();
  });
});
