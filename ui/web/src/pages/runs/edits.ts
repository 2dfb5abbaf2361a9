// Changes to runs, and what is said about them; with a way back where there is one.

import { useCallback, useState } from "react";
import { post } from "../../api/client";
import type { Edit, EditReply } from "../../api/types";

export interface Notice {
  text: string;
  /** More about it, in small letters. */
  note?: string | undefined;
  isBad?: boolean;
  undo?: (() => void) | undefined;
  /** Ends what is under way. */
  stop?: (() => void) | undefined;
}

/** As many runs as the server changes at once: each change is made durable. */
const AT_ONCE = 1_000;

async function sent(
  runs: readonly string[],
  change: Omit<Edit, "runs">,
  goesOn: (sent: number) => boolean,
): Promise<EditReply> {
  const all: EditReply = { done: [], failed: {} };
  for (let first = 0; first < runs.length && goesOn(first); first += AT_ONCE) {
    const reply = await post<EditReply>("edit", { runs: runs.slice(first, first + AT_ONCE), ...change });
    all.done.push(...reply.done);
    Object.assign(all.failed, reply.failed);
  }
  return all;
}

export function runs(count: number): string {
  return count === 1 ? "1 run" : `${count.toLocaleString("en-US")} runs`;
}

/** What did not work, in a sentence: how many, and why the first of them. */
export function failures(failed: EditReply["failed"]): string | undefined {
  const all = Object.entries(failed);
  const first = all[0];
  if (first === undefined) return undefined;
  return `${runs(all.length)} could not be changed; the first is ${first[0]}: ${first[1]}`;
}

export interface Change {
  edit: Omit<Edit, "runs">;
  /** What was done, such as "archived": "3 runs archived". */
  done: string;
  note?: string;
  /** The change that takes it back. */
  back?: Omit<Edit, "runs">;
}

export interface Edits {
  notice: Notice | null;
  dismiss: () => void;
  isBusy: boolean;
  /** Changes runs; the hashes of those that were. */
  apply: (hashes: readonly string[], change: Change) => Promise<readonly string[]>;
  /** Says something that is no change. */
  say: (notice: Notice) => void;
}

/** `changed` is called after each change, with the runs that it is known to have reached. */
export function useEdits(changed: (done: readonly string[], edit: Omit<Edit, "runs">) => void): Edits {
  const [notice, setNotice] = useState<Notice | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const apply = useCallback(
    async (hashes: readonly string[], { edit, done, note, back }: Change): Promise<readonly string[]> => {
      setIsBusy(true);
      let reached: readonly string[] = [];
      try {
        let isStopped = false;
        const stop = () => {
          isStopped = true;
        };
        const goesOn = (count: number) => {
          const text = `${count.toLocaleString("en-US")} of ${runs(hashes.length)} ${done} so far.`;
          if (hashes.length > AT_ONCE && !isStopped) setNotice({ text, stop });
          return !isStopped;
        };
        const reply = await sent(hashes, edit, goesOn);
        reached = reply.done;
        const left = hashes.length - reply.done.length - Object.keys(reply.failed).length;
        const why = [failures(reply.failed), left > 0 ? `It was stopped before ${runs(left)}.` : undefined]
          .filter(Boolean)
          .join(" ");
        const undo = () => void apply(reply.done, { edit: back ?? {}, done: "as before" });
        setNotice({
          text: `${runs(reply.done.length)} ${done}.`,
          note: [note, why].filter(Boolean).join(" ") || undefined,
          isBad: why !== "",
          undo: back && reply.done.length > 0 ? undo : undefined,
        });
        return reached;
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        setNotice({ text: `Nothing is certain to have changed: ${text}`, isBad: true });
        return [];
      } finally {
        setIsBusy(false);
        changed(reached, edit);
      }
    },
    [changed],
  );
  const dismiss = useCallback(() => setNotice(null), []);
  return { notice, dismiss, isBusy, apply, say: setNotice };
}
