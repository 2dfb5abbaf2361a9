// Light or dark: the reader's choice, and without one what the system prefers.

import { useCallback, useSyncExternalStore } from "react";

export type Choice = "system" | "light" | "dark";
const KEY = "runstone.theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");
const watchers = new Set<() => void>();

function chosen(): Choice {
  const kept = window.localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

/** What is shown now. */
export function theme(): "light" | "dark" {
  const choice = chosen();
  return choice === "system" ? (system.matches ? "dark" : "light") : choice;
}

function show(): void {
  document.documentElement.dataset.theme = theme();
  for (const watcher of watchers) watcher();
}

system.addEventListener("change", show);
show();

function subscribe(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** The theme that is shown; whoever draws on a canvas draws again when it changes. */
export function useTheme(): "light" | "dark" {
  return useSyncExternalStore(subscribe, theme);
}

export function useThemeChoice(): [Choice, (choice: Choice) => void] {
  const choice = useSyncExternalStore(subscribe, chosen);
  const choose = useCallback((next: Choice) => {
    if (next === "system") window.localStorage.removeItem(KEY);
    else window.localStorage.setItem(KEY, next);
    show();
  }, []);
  return [choice, choose];
}
