import { expect, test } from "vitest";
import { Sharing, type Told } from "./sharing";
import type { LiveChange } from "./types";

/** Tabs of a browser: what one posts, the others receive. */
class Tabs {
  private readonly tabs = new Map<string, Sharing>();
  readonly heard: { [name: string]: string[] } = {};

  open(name: string): Sharing {
    const said: string[] = [];
    this.heard[name] = said;
    const post = (told: Told) => {
      for (const [other, tab] of [...this.tabs]) if (other !== name) tab.received(structuredClone(told));
    };
    const tab = new Sharing(post, (change, isNews) =>
      said.push(change === null ? "lost" : `${change.generation}${isNews ? " news" : ""}`),
    );
    this.tabs.set(name, tab);
    tab.ask();
    return tab;
  }

  close(name: string): void {
    this.tabs.delete(name);
  }
}

function at(generation: number): LiveChange {
  return { generation, runs: [], more: false, active: 0 };
}

test("every tab hears what the stream of one says", () => {
  const tabs = new Tabs();
  const first = tabs.open("first");
  tabs.open("second");
  first.lead();
  first.streamed({ kind: "hello", change: at(1) });
  first.streamed({ kind: "changed", change: at(2) });
  expect(tabs.heard.first).toEqual(["1", "2 news"]);
  expect(tabs.heard.second).toEqual(["1", "2 news"]);
});

test("a tab that is opened later is told how things stand, and that is no news to the others", () => {
  const tabs = new Tabs();
  const first = tabs.open("first");
  tabs.open("second");
  first.lead();
  first.streamed({ kind: "hello", change: at(1) });
  first.streamed({ kind: "changed", change: at(2) });
  tabs.open("third");
  expect(tabs.heard.third).toEqual(["2"]);
  expect(tabs.heard.second).toEqual(["1", "2 news"]);
});

test("when the tab with the stream is closed, another's hello is news to all: something may have been missed", () => {
  const tabs = new Tabs();
  const first = tabs.open("first");
  const second = tabs.open("second");
  tabs.open("third");
  first.lead();
  first.streamed({ kind: "hello", change: at(1) });
  tabs.close("first");
  second.lead();
  second.streamed({ kind: "hello", change: at(3) });
  expect(tabs.heard.second).toEqual(["1", "3 news"]);
  expect(tabs.heard.third).toEqual(["1", "3 news"]);
});

test("a lost connection is lost to all, and what is asked meanwhile has no answer", () => {
  const tabs = new Tabs();
  const first = tabs.open("first");
  tabs.open("second");
  first.lead();
  first.streamed({ kind: "hello", change: at(1) });
  first.streamed({ kind: "lost" });
  tabs.open("third");
  first.streamed({ kind: "hello", change: at(4) });
  expect(tabs.heard.second).toEqual(["1", "lost", "4 news"]);
  expect(tabs.heard.third).toEqual(["4"]);
});
