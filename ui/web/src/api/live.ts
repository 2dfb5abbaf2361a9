// What changes in the repository, as the server tells it; and who wants to know.

import { useEffect, useSyncExternalStore } from "react";
import { address } from "./client";
import { Sharing, type Told } from "./sharing";
import { listenTo } from "./stream";
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

/** Begin to listen: over one stream for all tabs of this browser, wherever it can be shared. */
function listen(): void {
  if (sharing !== null) return;
  const name = address("live");
  // There are locks only where the page came over HTTPS or from this machine.
  const locks = (navigator as { locks?: LockManager }).locks;
  const channel = locks === undefined ? null : new BroadcastChannel(name);
  const tab = new Sharing((told) => channel?.postMessage(told), heard);
  sharing = tab;
  const lead = () => {
    tab.lead();
    listenTo(name, (told) => tab.streamed(told));
  };
  if (locks === undefined || channel === null) {
    if (!worked(name, tab, lead)) lead();
    return;
  }
  channel.addEventListener("message", (event: MessageEvent<Told>) => tab.received(event.data));
  tab.ask();
  const asLongAsTheTabIsOpen = () => {
    lead();
    return new Promise<never>(() => {});
  };
  locks.request(name, asLongAsTheTabIsOpen).catch(lead);
}

/** Listen to a worker that has the stream for all tabs; false where the browser has none, such as on a telephone. */
function worked(name: string, tab: Sharing, otherwise: () => void): boolean {
  if (!("SharedWorker" in window)) return false;
  const worker = new SharedWorker(new URL("./streamWorker.ts", import.meta.url), { type: "module", name });
  worker.addEventListener("error", otherwise, { once: true });
  worker.port.addEventListener("message", (event: MessageEvent<Told>) => tab.received(event.data));
  worker.port.start();
  // a page that the browser keeps, to go back to, goes on listening
  window.addEventListener("pagehide", ({ persisted }) => !persisted && worker.port.postMessage(null));
  return true;
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
