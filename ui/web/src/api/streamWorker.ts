// Holds the stream for all tabs of a browser that offers no locks, as over plain HTTP from another machine. Its name is
// the address of the stream.

import type { Told } from "./sharing";
import { listenTo } from "./stream";
import type { LiveChange } from "./types";

const ports = new Set<MessagePort>();
let last: LiveChange | null = null;

function tell(told: Told): void {
  last = "change" in told ? told.change : null;
  for (const port of ports) port.postMessage(told);
}

addEventListener("connect", (event) => {
  const [port] = (event as MessageEvent).ports;
  if (port === undefined) return;
  ports.add(port);
  port.addEventListener("message", () => ports.delete(port)); // a tab has one thing to say: that it is left
  port.start();
  if (last !== null) port.postMessage({ kind: "state", change: last } satisfies Told);
});

listenTo((globalThis as unknown as { name: string }).name, tell);
