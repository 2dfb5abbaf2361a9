import { expect, test } from "vitest";
import type { RunsReply } from "../../api/types";
import { PAGE, RunPages } from "./pages";

/** A list of runs that answers as the server does, when it is let. */
class Server {
  hashes: string[];
  asked: [offset: number, limit: number][] = [];
  #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.hashes = Array.from({ length: count }, (_, n) => `run${n}`);
  }

  ask = async (offset: number, limit: number): Promise<RunsReply> => {
    this.asked.push([offset, limit]);
    await new Promise<void>((go) => this.#waiting.push(go));
    const hash = this.hashes.slice(offset, offset + limit);
    return {
      ...{
        total: this.hashes.length,
        of: this.hashes.length,
        seconds: 0,
        skipped: 0,
        first_error: "",
        hints: [],
      },
      ...{ prefilter: "", from_index: 0, from_logs: 0 },
      runs: {
        hash,
        name: hash,
        experiment: hash.map(() => "default"),
        status: hash.map(() => "finished" as const),
        created: hash.map(() => 1),
        ended: hash.map(() => 2),
        archived: hash.map(() => false),
        tags: hash.map(() => []),
      },
      columns: [hash.map((one) => `${one}!`)],
    };
  };

  /** Answers all that was asked, and what is asked because of it. */
  async answer(): Promise<void> {
    for (let idle = 0; idle < 5; idle += 1) {
      if (this.#waiting.length > 0) idle = 0;
      for (const go of this.#waiting.splice(0)) go();
      await Promise.resolve();
      await new Promise((done) => setTimeout(done));
    }
  }
}

function opened(count: number, more: { isNewestFirst?: boolean; previous?: RunPages } = {}) {
  const server = new Server(count);
  const pages = new RunPages({ ask: server.ask, expressions: ["run.x"], ...more });
  return { server, pages };
}

test("rows are asked for in pages, and only those in view", async () => {
  const { server, pages } = opened(1000);
  pages.want(0, 30);
  await server.answer();
  expect(server.asked).toEqual([[0, PAGE]]);
  expect(pages.length).toBe(1000);
  expect(pages.at(30)?.hash).toBe("run30");
  expect(pages.at(30)?.values.get("run.x")).toBe("run30!");
  expect(pages.at(200)).toBeUndefined();
  pages.want(190, 410);
  await server.answer();
  expect(server.asked.slice(1)).toEqual([
    [200, PAGE],
    [400, PAGE],
  ]);
  expect(pages.at(410)?.hash).toBe("run410");
});

test("what was scrolled past before it was asked for is never asked for", async () => {
  const { server, pages } = opened(100_000);
  pages.want(0, 30);
  await server.answer();
  for (let row = 0; row < 90_000; row += 150) pages.want(row, row + 30);
  pages.want(90_000, 90_030);
  await server.answer();
  expect(server.asked.length).toBeLessThan(6);
  expect(pages.at(90_015)?.hash).toBe("run90015");
});

test("the previous answer stays until this one is here, and its rows are not mixed with these", async () => {
  const first = opened(500);
  first.pages.want(0, 10);
  await first.server.answer();
  const { server, pages } = opened(300, { previous: first.pages });
  server.hashes = server.hashes.map((hash) => `other-${hash}`);
  pages.want(0, 10);
  expect(pages.isOld).toBe(true);
  expect(pages.length).toBe(500);
  expect(pages.at(5)?.hash).toBe("run5");
  await server.answer();
  expect(pages.isOld).toBe(false);
  expect(pages.length).toBe(300);
  expect(pages.at(5)?.hash).toBe("other-run5");
  expect(pages.at(250)).toBeUndefined();
});

test("after a change rows in view are asked for again and stay meanwhile", async () => {
  const { server, pages } = opened(1000);
  pages.want(0, 10);
  await server.answer();
  pages.want(200, 210);
  await server.answer();
  server.hashes[205] = "renamed";
  server.asked = [];
  pages.changed();
  expect(pages.at(205)?.hash).toBe("run205");
  await server.answer();
  expect(pages.at(205)?.hash).toBe("renamed");
  expect(server.asked).toEqual([[200, PAGE]]);
  pages.want(0, 10);
  await server.answer();
  expect(server.asked.at(-1)).toEqual([0, PAGE]);
});

test("new runs come in at once while the reader is at the top", async () => {
  const { server, pages } = opened(300, { isNewestFirst: true });
  pages.want(0, 10);
  await server.answer();
  server.hashes.unshift("new");
  pages.changed();
  await server.answer();
  expect([pages.length, pages.waiting, pages.at(0)?.hash]).toEqual([301, 0, "new"]);
});

test("further down new runs wait, and rows stay in their places", async () => {
  const { server, pages } = opened(1000, { isNewestFirst: true });
  pages.want(0, 10);
  await server.answer();
  pages.atTop = false;
  pages.want(400, 410);
  await server.answer();
  server.hashes.unshift("new1", "new2");
  pages.changed();
  await server.answer();
  expect([pages.length, pages.waiting, pages.at(405)?.hash]).toEqual([1000, 2, "run405"]);
  pages.want(600, 610);
  await server.answer();
  expect(pages.at(605)?.hash).toBe("run605");
  pages.admit();
  pages.atTop = true;
  pages.want(0, 10);
  await server.answer();
  expect([pages.length, pages.waiting, pages.at(0)?.hash]).toEqual([1002, 0, "new1"]);
});

test("runs that are gone are gone at once", async () => {
  const { server, pages } = opened(300, { isNewestFirst: true });
  pages.want(0, 10);
  await server.answer();
  pages.atTop = false;
  server.hashes.shift();
  pages.changed();
  await server.answer();
  expect([pages.length, pages.waiting, pages.at(0)?.hash]).toEqual([299, 0, "run1"]);
});

test("an error is kept and not asked about again until something changes", async () => {
  let asked = 0;
  const pages = new RunPages({
    expressions: [],
    ask: async () => {
      asked += 1;
      throw new Error("no");
    },
  });
  const settled = () => new Promise((done) => setTimeout(done));
  pages.want(0, 10);
  await settled();
  pages.want(0, 20);
  await settled();
  expect([asked, String(pages.error)]).toEqual([1, "Error: no"]);
  pages.changed();
  await settled();
  expect(asked).toBe(2);
});

test("whoever draws is told", async () => {
  const { server, pages } = opened(10);
  let told = 0;
  const stop = pages.subscribe(() => {
    told += 1;
  });
  pages.want(0, 5);
  await server.answer();
  expect(told).toBeGreaterThan(0);
  stop();
  const before = told;
  pages.changed();
  await server.answer();
  expect(told).toBe(before);
});
