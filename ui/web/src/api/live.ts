// What changes in the repository, as the server tells it; and who wants to know.

import { useEffect, useSyncExternalStore } from "react";
import { address } from "./client";
import type { LiveChange } from "./types";

export interface Live {
  /** Whether the server is heard. */
  connected: boolean;
  /** Grows with each change. Part of the key of whatever has to be asked anew. */
  tick: number;
  generation: number | null;
  active: number;
}

type Listener = (change: LiveChange) => void;

let state: Live = { connected: false, tick: 0, generation: null, active: 0 };
const watchers = new Set<() => void>();
const listeners = new Set<Listener>();
let source: EventSource | null = null;

function become(next: Partial<Live>): void {
  state = { ...state, ...next };
  for (const watcher of watchers) watcher();
}

function heard(event: MessageEvent<string>, isNews: boolean): void {
  const change = JSON.parse(event.data) as LiveChange;
  const tick = state.tick + (isNews ? 1 : 0);
  become({ connected: true, tick, generation: change.generation, active: change.active });
  if (isNews) for (const listener of listeners) listener(change);
}

/** Begin to listen; the browser connects again by itself when the connection is lost. */
function listen(): void {
  if (source !== null) return;
  source = new EventSource(address("live"));
  // after a break anything may have changed meanwhile
  let greeted = false;
  source.addEventListener("hello", (event) => {
    heard(event, greeted);
    greeted = true;
  });
  source.addEventListener("changed", (event) => heard(event, true));
  source.addEventListener("error", () => become({ connected: false }));
}

function subscribe(watcher: () => void): () => void {
  listen();
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** The state of the live connection; the component is drawn again when it changes. */
export function useLive(): Live {
  return useSyncExternalStore(subscribe, () => state);
}

/** Be told of each change, with the runs that it is about. */
export function useLiveChanges(listener: Listener): void {
  useEffect(() => {
    listen();
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }, [listener]);
}
