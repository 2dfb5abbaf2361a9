// The server's news at a pace that a table can follow, and a clock for what is running.

import { useCallback, useEffect, useRef, useSyncExternalStore } from "react";
import { useLiveChanges } from "../../api/live";

const PACE = 1000;

/** Calls when something has changed: at once, then at most once a second, and not while nobody looks. */
export function useNews(told: () => void): void {
  const tell = useRef(told);
  tell.current = told;
  const timer = useRef<number | null>(null);
  const last = useRef(0);
  const missed = useRef(false);
  const heard = useCallback(() => {
    if (document.hidden) missed.current = true;
    else if (timer.current === null)
      timer.current = window.setTimeout(
        () => {
          timer.current = null;
          last.current = Date.now();
          tell.current();
        },
        Math.max(0, last.current + PACE - Date.now()),
      );
  }, []);
  useLiveChanges(heard);
  useEffect(() => {
    const seen = () => {
      if (document.hidden || !missed.current) return;
      missed.current = false;
      heard();
    };
    document.addEventListener("visibilitychange", seen);
    return () => {
      document.removeEventListener("visibilitychange", seen);
      if (timer.current !== null) window.clearTimeout(timer.current);
      timer.current = null;
    };
  }, [heard]);
}

const watchers = new Set<() => void>();
let interval: number | null = null;
let now = Date.now() / 1000;

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  interval ??= window.setInterval(() => {
    now = Date.now() / 1000;
    for (const one of watchers) one();
  }, 1000);
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0 && interval !== null) {
      window.clearInterval(interval);
      interval = null;
    }
  };
}

/** The time in seconds, anew each second. */
export function useNow(): number {
  return useSyncExternalStore(watch, () => now);
}
