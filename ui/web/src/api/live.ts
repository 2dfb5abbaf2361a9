// What changes in the repository, as the server tells it; and who wants to know.

import { useEffect, useSyncExternalStore } from "react";
import { address } from "./client";
import { Sharing, type Told } from "./sharing";
import type { LiveChange } from "./types";

const AGAIN_MILLISECONDS = 5000;

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
let sharing: Sharing | null = null;

function become(next: Partial<Live>): void {
  state = { ...state, ...next };
  for (const watcher of watchers) watcher();
}

function heard(change: LiveChange | null, isNews: boolean): void {
  if (change === null) {
    become({ connected: false });
    return;
  }
  const tick = state.tick + (isNews ? 1 : 0);
  become({ connected: true, tick, generation: change.generation, active: change.active });
  if (isNews) for (const listener of listeners) listener(change);
}

/** Begin to listen: over a stream of this tab, or over that of another tab for as long as that is open. */
function listen(): void {
  if (sharing !== null) return;
  const name = address("live");
  // There are locks only where the page came over HTTPS or from this machine; elsewhere each tab has its own stream.
  const locks = (navigator as { locks?: LockManager }).locks;
  const channel = locks === undefined ? null : new BroadcastChannel(name);
  const tab = new Sharing((told) => channel?.postMessage(told), heard);
  sharing = tab;
  if (locks === undefined || channel === null) {
    open(tab);
    return;
  }
  channel.addEventListener("message", (event: MessageEvent<Told>) => tab.received(event.data));
  tab.ask();
  const asLongAsTheTabIsOpen = () => {
    tab.lead();
    open(tab);
    return new Promise<never>(() => {});
  };
  locks.request(name, asLongAsTheTabIsOpen).catch(() => open(tab));
}

/** Open the stream. The browser connects again by itself when the connection is lost, but not after a refusal. */
function open(tab: Sharing): void {
  const source = new EventSource(address("live"));
  const told = (kind: "hello" | "changed") => (event: MessageEvent<string>) =>
    tab.streamed({ kind, change: JSON.parse(event.data) as LiveChange });
  source.addEventListener("hello", told("hello"));
  source.addEventListener("changed", told("changed"));
  source.addEventListener("error", () => {
    tab.streamed({ kind: "lost" });
    if (source.readyState === EventSource.CLOSED) window.setTimeout(() => open(tab), AGAIN_MILLISECONDS);
  });
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
