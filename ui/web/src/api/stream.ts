// The server's stream of changes, as messages.

import type { Told } from "./sharing";
import type { LiveChange } from "./types";

const AGAIN_MILLISECONDS = 5000;

/** Listen for as long as there is a page. The browser connects again by itself, but not after a refusal. */
export function listenTo(address: string, tell: (told: Told) => void): void {
  const source = new EventSource(address);
  const told = (kind: "hello" | "changed") => (event: MessageEvent<string>) =>
    tell({ kind, change: JSON.parse(event.data) as LiveChange });
  source.addEventListener("hello", told("hello"));
  source.addEventListener("changed", told("changed"));
  source.addEventListener("error", () => {
    tell({ kind: "lost" });
    if (source.readyState === EventSource.CLOSED)
      globalThis.setTimeout(() => listenTo(address, tell), AGAIN_MILLISECONDS);
  });
}
