import { describe, expect, it } from "vitest";
import { earlier, fetched, find, joined, type Line, type Lines, lastPage, later, NONE } from "./lines";

const numbered = (count: number, from = 0): Line[] =>
  Array.from({ length: count }, (_, k) => ({ step: from + k, text: `line ${from + k}` }));
/** What the server says of lines: those with a higher step, so many of them. */
const server = (all: Line[]) => async (after: number, limit: number) => ({
  lines: all.filter(({ step }) => step > after).slice(0, limit),
  total: all.length,
});
const tail = (all: Line[], count: number) =>
  joined(NONE, lastPage({ lines: all.slice(-count), total: all.length }));

async function follow(all: Line[], have: Lines, limit = 10_000): Promise<Lines> {
  return joined(have, await fetched(later(have), limit, server(all)));
}

async function loadAll(all: Line[], have: Lines, span: number, limit = span): Promise<Lines> {
  let now = have;
  for (let range = earlier(now, span); range !== null; range = earlier(now, span)) {
    now = joined(now, await fetched(range, limit, server(all)));
  }
  return now;
}

describe("pages of lines", () => {
  it("begin with the last ones, and go back to the first", async () => {
    const all = numbered(2500);
    const have = tail(all, 1000);
    expect(have.lines[0]?.step).toBe(1500);
    expect(have.fromStart).toBe(false);
    const whole = await loadAll(all, have, 1000);
    expect(whole.lines).toEqual(all);
    expect(whole.fromStart).toBe(true);
    expect(earlier(whole, 1000)).toBeNull();
  });
  it("know that a short output is whole", () => {
    expect(tail(numbered(3), 1000).fromStart).toBe(true);
    expect(tail([], 1000)).toEqual({ lines: [], total: 0, fromStart: true });
  });
  it("take what came since, and lines that were printed over", async () => {
    const now = [...numbered(999), { step: 999, text: "100%" }, { step: 1000, text: "done" }];
    expect((await follow(now, tail(numbered(1000), 1000))).lines).toEqual(now);
  });
  it("grow from nothing", async () => {
    expect((await follow(numbered(2), tail([], 1000))).lines).toEqual(numbered(2));
  });
  it("take any number of new lines", async () => {
    const all = numbered(3000);
    expect((await follow(all, tail(numbered(100), 1000), 500)).lines).toEqual(all);
  });
  it("do not take a few last lines for all of them", async () => {
    const all = numbered(1000);
    const have = await follow(all, tail(all, 10));
    expect(have.lines).toHaveLength(10);
    expect(have.fromStart).toBe(false);
  });
  it("keep the lines of several processes that number them alike", async () => {
    const all = numbered(1200).flatMap((line) => [line, { ...line, text: `${line.text} of the other` }]);
    for (const [count, span, limit] of [
      [1000, 500, 500],
      [999, 500, 77],
      [1, 3, 2],
      [7, 10_000, 10_000],
    ] as const) {
      const have = tail(all, count);
      expect((await loadAll(all, have, span, limit)).lines).toEqual(all);
      expect((await loadAll(all, await follow(all, have, limit), span, limit)).lines).toEqual(all);
    }
  });
  it("come to an end where one step has more lines than a reply", async () => {
    const all = Array.from({ length: 50 }, (_, k) => ({ step: k < 40 ? 0 : 1, text: String(k) }));
    const page = await fetched({ after: -1, through: Number.POSITIVE_INFINITY }, 10, server(all));
    expect(page.lines.at(-1)?.text).toBe("49");
  });
  it("ask once for a range, and for no more than it has", async () => {
    const all = numbered(5000);
    const asked: [number, number][] = [];
    const ask = (after: number, limit: number) => {
      asked.push([after, limit]);
      return server(all)(after, limit);
    };
    const page = await fetched({ after: 2999, through: 4000 }, 10_000, ask);
    expect(page.lines).toEqual(all.slice(3000, 4001));
    expect(asked).toEqual([[2999, 1002]]);
  });
});

describe("find", () => {
  it("finds every place, whatever the case", () => {
    expect(find(["Loss loss", "none", "gloss"], "LOSS")).toEqual([
      { line: 0, start: 0, end: 4 },
      { line: 0, start: 5, end: 9 },
      { line: 2, start: 1, end: 5 },
    ]);
  });
  it("finds nothing for nothing, and stops at its limit", () => {
    expect(find(["a"], "")).toEqual([]);
    expect(find(["aaaa"], "a", 3)).toHaveLength(3);
  });
});
