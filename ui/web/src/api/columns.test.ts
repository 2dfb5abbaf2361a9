import { expect, test } from "vitest";
import { decodeCurves } from "./columns";

function encoded(header: object, arrays: number[]): ArrayBuffer {
  let text = JSON.stringify(header);
  text = text.padEnd(Math.ceil((text.length + 4) / 8) * 8 - 4);
  const data = new ArrayBuffer(4 + text.length + arrays.length * 8);
  new DataView(data).setUint32(0, text.length, true);
  new Uint8Array(data, 4, text.length).set(new TextEncoder().encode(text));
  new Float64Array(data, 4 + text.length).set(arrays);
  return data;
}

test("each curve has its own part of the arrays", () => {
  const head = { run: "a", name: "loss", count: 3, exact: true };
  const found = decodeCurves(
    encoded(
      {
        total: 2,
        sequences: [
          { ...head, length: 2, x: 0, y: 2, smoothed: null },
          { ...head, length: 1, x: 4, y: 5, smoothed: { length: 1, x: 4, y: 6 } },
        ],
      },
      [1, 2, 10, 20, 3, Number.NaN, 30],
    ),
  );
  expect(found.total).toBe(2);
  const [one, two] = found.sequences;
  expect([...(one?.x ?? [])]).toEqual([1, 2]);
  expect([...(one?.y ?? [])]).toEqual([10, 20]);
  expect(one?.smoothed).toBeNull();
  expect([...(two?.y ?? [])]).toEqual([Number.NaN]);
  expect([...(two?.smoothed?.y ?? [])]).toEqual([30]);
});

test("a reply without sequences has none", () => {
  expect(decodeCurves(encoded({ total: 0, sequences: [] }, [])).sequences).toEqual([]);
});
