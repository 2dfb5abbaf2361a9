import { expect, test } from "vitest";
import { type Projection, project, trace, unproject } from "./trace";

const axis = (low: number, high: number, to: number, log = false): Projection => ({
  range: { low, high },
  log,
  from: 0,
  to,
});

function drawn(x: number[], y: number[], px: Projection, py: Projection, sorted = true) {
  const pieces: [number, number][][] = [];
  const traced = trace(
    {
      moveTo: (left, top) => pieces.push([[left, top]]),
      lineTo: (left, top) => pieces.at(-1)?.push([left, top]),
    },
    { x: Float64Array.from(x), y: Float64Array.from(y) },
    sorted,
    px,
    py,
  );
  return { pieces, ...traced };
}

test("values and pixels go there and back", () => {
  for (const projection of [axis(-5, 15, 300), axis(0.001, 1000, 300, true)])
    for (const pixel of [0, 17, 150, 300])
      expect(project(projection, unproject(projection, pixel))).toBeCloseTo(pixel, 9);
  expect(project(axis(0.1, 10, 100, true), 0)).toBeNaN();
  expect(project(axis(0.1, 10, 100, true), -1)).toBeNaN();
});

test("a short line is drawn point by point", () => {
  const { pieces } = drawn([0, 1, 2], [0, 10, 5], axis(0, 2, 200), axis(0, 10, 100));
  expect(pieces).toEqual([
    [
      [0, 0],
      [100, 100],
      [200, 50],
    ],
  ]);
});

test("a long line covers in each column what its points cover, with few corners", () => {
  const x = Array.from({ length: 50_000 }, (_, place) => place);
  const y = x.map((place) => Math.sin(place / 700) * 40 + 50 + ((place * 7919) % 13));
  const [px, py] = [axis(0, 49_999, 200), axis(0, 110, 100)];
  const { pieces, corners } = drawn(x, y, px, py);
  expect(pieces.length).toBe(1);
  const line = pieces[0] ?? [];
  expect(corners).toBe(line.length);
  expect(line.length).toBeLessThanOrEqual(201 * 4);
  const spread = (points: [number, number][]) => {
    const columns = new Map<number, [number, number]>();
    for (const [left, top] of points) {
      const [low, high] = columns.get(Math.floor(left)) ?? [Infinity, -Infinity];
      columns.set(Math.floor(left), [Math.min(low, top), Math.max(high, top)]);
    }
    return columns;
  };
  const all = x.map((one, place): [number, number] => [project(px, one), project(py, y[place] as number)]);
  expect(spread(line)).toEqual(spread(all));
});

test("what is not finite breaks the line, and its place is kept", () => {
  const { pieces, broken } = drawn(
    [0, 1, 2, 3, 4, 5],
    [1, 1, NaN, Infinity, 1, 1],
    axis(0, 5, 50),
    axis(0, 2, 2),
  );
  expect(pieces.map((piece) => piece.length)).toEqual([2, 2]);
  expect(broken).toEqual([20, 30]);
});

test("a point that stands alone is drawn, as a point", () => {
  expect(drawn([3], [1], axis(0, 5, 50), axis(0, 2, 2)).lone).toEqual([30, 1]);
  const { lone } = drawn([0, 1, 2, 3], [1, NaN, 1, NaN], axis(0, 5, 50), axis(0, 2, 2));
  expect(lone).toEqual([0, 1, 20, 1]);
});

test("of what lies outside of x, one point on each side is kept", () => {
  const x = Array.from({ length: 100 }, (_, place) => place);
  const { pieces } = drawn(x, x, axis(50, 52, 200), axis(0, 100, 100));
  expect(pieces[0]?.map(([left]) => left)).toEqual([-100, 0, 100, 200, 300]);
});

test("on a logarithmic scale zero breaks the line", () => {
  const { pieces, broken } = drawn([1, 2, 3, 4, 5], [1, 10, 0, 10, 1], axis(1, 5, 4), axis(1, 10, 1, true));
  expect(pieces.length).toBe(2);
  expect(broken).toEqual([2]);
});

test("a line that goes back in x is drawn in its own order", () => {
  const { pieces } = drawn([5, 1, 3], [0, 0, 0], axis(0, 5, 5), axis(0, 1, 1), false);
  expect(pieces[0]?.map(([left]) => left)).toEqual([5, 1, 3]);
});
