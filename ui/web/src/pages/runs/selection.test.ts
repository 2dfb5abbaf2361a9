import { expect, test } from "vitest";
import type { RunRow } from "./pages";
import {
  added,
  edited,
  MOST_IN_A_QUERY,
  NOTHING,
  queryFor,
  refreshed,
  searchFor,
  tagsOf,
  toggled,
  without,
} from "./selection";

function row(hash: string, more: Partial<RunRow> = {}): RunRow {
  return {
    ...{ hash, name: hash, experiment: "default", status: "finished", created: 1, ended: 2, archived: false },
    ...{ tags: [], values: new Map(), ...more },
  };
}

test("a run is selected and let go", () => {
  const one = toggled(NOTHING, row("a"));
  expect([...one.keys()]).toEqual(["a"]);
  expect(toggled(one, row("a")).size).toBe(0);
  expect(NOTHING.size).toBe(0);
});

test("a stretch is added to what is selected", () => {
  expect([...added(toggled(NOTHING, row("a")), [row("b"), row("a"), row("c")]).keys()]).toEqual([
    "a",
    "b",
    "c",
  ]);
  expect([...without(added(NOTHING, [row("a"), row("b")]), ["a"]).keys()]).toEqual(["b"]);
});

test("rows that came anew replace what was known, and nothing changes where nothing did", () => {
  const known = row("a");
  const selection = added(NOTHING, [known]);
  expect(refreshed(selection, [known, row("b")])).toBe(selection);
  expect(refreshed(selection, [row("a", { name: "new" })]).get("a")?.name).toBe("new");
});

test("a query names them all, archived ones too, and says when it cannot", () => {
  expect(queryFor(NOTHING)).toBeNull();
  expect(queryFor(added(NOTHING, [row("a")]))).toBe('run.hash == "a"');
  expect(queryFor(added(NOTHING, [row("a"), row("b")]))).toBe('run.hash in ["a", "b"]');
  expect(queryFor(added(NOTHING, [row("a", { archived: true })]))).toContain("run.archived in [True, False]");
  const hash = (n: number) => String(n).padStart(24, "0");
  const many = Array.from({ length: MOST_IN_A_QUERY }, (_, n) => row(hash(n), { archived: true }));
  expect(queryFor(added(NOTHING, many))?.length).toBeLessThan(4096);
  expect(queryFor(added(NOTHING, [...many, row("one more")]))).toBeNull();
});

test("a change shows in what is selected, and a deleted run is not selected", () => {
  const both = added(NOTHING, [row("a", { tags: ["x"] }), row("b")]);
  const changed = edited(both, ["a", "gone"], {
    set: { archived: true },
    add_tags: ["y"],
    remove_tags: ["x"],
  });
  expect(changed.get("a")).toMatchObject({ archived: true, tags: ["y"], name: "a" });
  expect(changed.get("b")).toBe(both.get("b"));
  expect([...edited(both, ["a"], { deleted: true }).keys()]).toEqual(["b"]);
});

test("tags are counted", () => {
  const runs = [row("a", { tags: ["x", "keep"] }), row("b", { tags: ["keep"] })];
  expect(tagsOf(added(NOTHING, runs))).toEqual([
    ["keep", 2],
    ["x", 1],
  ]);
});

test("runs that are too many to be named are asked for by the query that they all match", () => {
  const many = added(
    NOTHING,
    Array.from({ length: MOST_IN_A_QUERY + 1 }, (_, n) => row(String(n))),
  );
  const count = many.size;
  expect(searchFor(many, null)).toBeNull();
  expect(String(searchFor(many, { query: "run.lr > 1", count }))).toBe("q=run.lr+%3E+1");
  expect(String(searchFor(many, { query: "", count }))).toBe("all=1");
  expect(searchFor(many, { query: "run.lr > 1", count: count - 1 })).toBeNull();
  expect(String(searchFor(added(NOTHING, [row("a")]), { query: "", count: 1 }))).toBe(
    "q=run.hash+%3D%3D+%22a%22",
  );
});
