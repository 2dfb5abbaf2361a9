import { Plus, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Link } from "wouter";
import type { RunDetails } from "../../api/types";
import { Failure } from "../../components/States";
import { useEdit } from "./edits";
import styles from "./Tags.module.css";

/** The tags of a run: a link to all runs that bear it, a button that takes it off, and a field for a new one. */
export function Tags({ run, locked }: { run: RunDetails; locked: boolean }) {
  const edit = useEdit(run.hash);
  const [draft, setDraft] = useState<string | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const send = async (change: Parameters<typeof edit>[0]) => {
    setFailure(null);
    try {
      await edit(change);
      return true;
    } catch (problem) {
      setFailure(problem);
      return false;
    }
  };
  const add = async (event: FormEvent) => {
    event.preventDefault();
    const tag = draft?.trim();
    if (tag && !(await send({ add_tags: [tag] }))) return;
    setDraft(null);
  };
  return (
    <div className={styles.tags}>
      {run.tags.map((tag) => (
        <span key={tag} className={styles.tag}>
          <Link href={`/runs?q=${encodeURIComponent(`${JSON.stringify(tag)} in run.tags`)}`} title={tag}>
            <bdi>{tag}</bdi>
          </Link>
          {!locked && (
            <button
              type="button"
              onClick={() => send({ remove_tags: [tag] })}
              aria-label={`Take off the tag ${tag}`}
            >
              <X size={12} aria-hidden />
            </button>
          )}
        </span>
      ))}
      {run.tags.length === 0 && locked && <span className={styles.none}>none</span>}
      {!locked && draft === null && (
        <button type="button" data-kind="quiet" onClick={() => setDraft("")} aria-label="Add a tag">
          <Plus size={14} aria-hidden />
          tag
        </button>
      )}
      {draft !== null && (
        <form onSubmit={add}>
          <input
            type="text"
            value={draft}
            aria-label="New tag"
            placeholder="new tag"
            onChange={(event) => setDraft(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Escape") setDraft(null);
            }}
            // biome-ignore lint/a11y/noAutofocus: the reader has just pressed the button that brings the field
            autoFocus
          />
          <button type="submit" data-kind="main">
            Add
          </button>
        </form>
      )}
      {failure !== null && <Failure error={failure} />}
    </div>
  );
}
