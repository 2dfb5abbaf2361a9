import { useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { post } from "../../api/client";
import type { RunDetails } from "../../api/types";
import { showTime } from "../../api/values";
import { Editable } from "../../components/detail/Editable";
import { Failure } from "../../components/States";
import { useReadOnly } from "./edits";
import styles from "./Notes.module.css";
import overview from "./Overview.module.css";

/** Notes, newest last. One that was taken away can be put back as long as the page is open. */
export function Notes({ run }: { run: RunDetails }) {
  const readOnly = useReadOnly();
  const client = useQueryClient();
  const [draft, setDraft] = useState("");
  const [removed, setRemoved] = useState<{ id: string; text: string } | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const path = `runs/${encodeURIComponent(run.hash)}/notes`;
  const send = async (where: string, text: string | null) => {
    await post(where, { text });
    await client.invalidateQueries({ queryKey: ["run", run.hash] });
  };
  const attempt = async (work: () => Promise<void>) => {
    setFailure(null);
    try {
      await work();
    } catch (problem) {
      setFailure(problem);
    }
  };
  const add = (event: FormEvent) => {
    event.preventDefault();
    if (!draft.trim()) return;
    void attempt(async () => {
      await send(path, draft);
      setDraft("");
    });
  };
  const one = (id: string) => `${path}/${encodeURIComponent(id)}`;
  return (
    <>
      <div className={overview.head}>
        <h2>Notes</h2>
        {removed && (
          <button
            type="button"
            onClick={() =>
              attempt(async () => {
                await send(path, removed.text);
                setRemoved(null);
              })
            }
          >
            Undo the deletion
          </button>
        )}
      </div>
      <div className={overview.body}>
        {run.notes.length === 0 && readOnly && <p className={overview.quiet}>None.</p>}
        <ul className={styles.notes}>
          {run.notes.map((note) => (
            <li key={note.id}>
              <Editable
                value={note.text}
                label="note"
                multiline
                locked={readOnly}
                onSave={(text) => send(one(note.id), text)}
              >
                <p className={styles.text}>{note.text}</p>
              </Editable>
              <span className={styles.foot}>
                {showTime(note.time)}
                {!readOnly && (
                  <button
                    type="button"
                    data-kind="quiet"
                    aria-label="Delete the note"
                    title="Delete the note"
                    onClick={() =>
                      attempt(async () => {
                        await send(one(note.id), null);
                        setRemoved(note);
                      })
                    }
                  >
                    <Trash2 size={14} aria-hidden />
                  </button>
                )}
              </span>
            </li>
          ))}
        </ul>
        {!readOnly && (
          <form className={styles.form} onSubmit={add}>
            <textarea
              rows={2}
              value={draft}
              onChange={(event) => setDraft(event.target.value)}
              placeholder="What was tried, what came out"
              aria-label="New note"
            />
            <button type="submit" disabled={!draft.trim()}>
              Add the note
            </button>
          </form>
        )}
        {failure !== null && <Failure error={failure} />}
      </div>
    </>
  );
}
