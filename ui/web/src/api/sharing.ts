// One stream for all tabs: a browser opens six connections to a server, and each tab's own stream would take one.

import type { LiveChange } from "./types";

/** What tabs tell each other: what the stream said, how things stand (for one that was opened later), and its question. */
export type Told =
  | { kind: "hello" | "changed" | "state"; change: LiveChange }
  | { kind: "lost" }
  | { kind: "asking" };

/**
 * A tab among those that share a stream. One of them leads: it has the stream, and passes on what that says. `hear`
 * gets each change, and whether anything may be new; null when the server is not heard any more.
 */
export class Sharing {
  private readonly post: (told: Told) => void;
  private readonly hear: (change: LiveChange | null, isNews: boolean) => void;
  private leads = false;
  private greeted = false;
  private last: LiveChange | null = null;

  constructor(post: (told: Told) => void, hear: (change: LiveChange | null, isNews: boolean) => void) {
    this.post = post;
    this.hear = hear;
  }

  /** Ask how things stand: whoever leads may have had its `hello` long ago. */
  ask(): void {
    this.post({ kind: "asking" });
  }

  /** From now on the stream is this tab's. */
  lead(): void {
    this.leads = true;
    this.last = null;
  }

  /** The stream of this tab, which leads, has said something. */
  streamed(told: Told): void {
    this.last = "change" in told ? told.change : null;
    this.post(told);
    this.take(told);
  }

  /** Another tab has said something. */
  received(told: Told): void {
    if (!this.leads) this.take(told);
    else if (told.kind === "asking" && this.last !== null) this.post({ kind: "state", change: this.last });
  }

  private take(told: Told): void {
    if (told.kind === "lost") this.hear(null, false);
    if (!("change" in told) || (told.kind === "state" && this.greeted)) return;
    // A second `hello` comes after a break, or from a tab that took the lead: anything may have changed meanwhile.
    const isNews = told.kind === "changed" || (told.kind === "hello" && this.greeted);
    this.greeted = true;
    this.hear(told.change, isNews);
  }
}
