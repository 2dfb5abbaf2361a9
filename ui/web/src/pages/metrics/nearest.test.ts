import { expect, test } from "vitest";
import { nearest, pointAt } from "./nearest";
import type { Line } from "./panels";
import type { Projection } from "./trace";

function line(id: string, x: number[], y: number[], sorted = true): Line {
  return {
    id,
    kin: id,
    title: "",
    name: "",
    context: "",
    x: Float64Array.from(x),
    y: Float64Array.from(y),
    sorted,
    raw: null,
    band: null,
    counts: null,
    colour: "",
    dash: [],
    of: [],
    groups: [],
    summary: { min: 0, max: 0, last: 0 },
  };
}
const PX: Projection = { range: { low: 0, high: 10 }, log: false, from: 0, to: 100 };
const PY: Projection = { range: { low: 0, high: 10 }, log: false, from: 100, to: 0 };

test("the nearest line is found, and of it the point next to the cursor", () => {
  const lines = [line("low", [0, 10], [1, 1]), line("high", [0, 5, 10], [9, 9, 9])];
  expect(nearest(lines, 60, 12, PX, PY, 30)).toMatchObject({ line: { id: "high" }, place: 1, distance: 2 });
  expect(nearest(lines, 60, 88, PX, PY, 30)?.line.id).toBe("low");
  expect(nearest(lines, 60, 50, PX, PY, 30)).toBeNull();
});

test("a steep line is near where it passes, not only where its points are", () => {
  expect(nearest([line("steep", [5, 5.1], [0, 10])], 50, 50, PX, PY, 5)?.line.id).toBe("steep");
});

test("a line has no part before its first point or behind its last", () => {
  expect(nearest([line("short", [4, 6], [5, 5])], 90, 50, PX, PY, 10)).toBeNull();
});

test("where a point is not finite its neighbour is still found", () => {
  expect(nearest([line("gap", [4, 5, 6], [5, NaN, NaN])], 42, 50, PX, PY, 10)?.line.id).toBe("gap");
  expect(nearest([line("nothing", [4, 5], [NaN, NaN])], 42, 50, PX, PY, 10)).toBeNull();
});

test("a line that goes back in x is found by its points", () => {
  expect(nearest([line("loop", [5, 1, 3], [5, 5, 8], false)], 31, 21, PX, PY, 10)?.place).toBe(2);
});

test("the point at a value is the nearest in x", () => {
  const one = line("", [0, 1, 4, 9], [0, 0, 0, 0]);
  for (const value of [-0.5, 0, 0.4, 0.6, 1, 2.4, 2.6, 4, 6, 7, 9, 10]) {
    const distances = Array.from(one.x, (x) => Math.abs(x - value));
    expect(distances[pointAt(one, value) ?? -1]).toBe(Math.min(...distances));
  }
  expect(pointAt(one, 13)).toBeNull();
  expect(pointAt(one, -4)).toBeNull();
  expect(pointAt(line("", [], []), 0)).toBeNull();
});
