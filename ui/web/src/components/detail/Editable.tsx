import { Pencil } from "lucide-react";
import { type FormEvent, type KeyboardEvent, type ReactNode, useState } from "react";
import { Failure } from "../States";
import styles from "./Editable.module.css";

/** A text that becomes a field when its button is pressed. `onSave` says no by throwing; then the field stays. */
export function Editable({
  value,
  label,
  children,
  onSave,
  multiline = false,
  locked = false,
}: {
  value: string;
  label: string;
  /** How the text is shown. */
  children: ReactNode;
  onSave: (text: string) => Promise<unknown>;
  multiline?: boolean;
  /** It cannot be changed (a repository that is only read). */
  locked?: boolean;
}) {
  const [draft, setDraft] = useState<string | null>(null);
  const [isSaving, setSaving] = useState(false);
  const [error, setError] = useState<unknown>(null);
  if (draft === null) {
    return (
      <div className={styles.shown}>
        {children}
        {!locked && (
          <button
            type="button"
            data-kind="quiet"
            onClick={() => setDraft(value)}
            aria-label={`Change the ${label}`}
            title={`Change the ${label}`}
          >
            <Pencil size={14} aria-hidden />
          </button>
        )}
      </div>
    );
  }
  const leave = () => {
    setDraft(null);
    setError(null);
  };
  const save = async (event?: FormEvent) => {
    event?.preventDefault();
    if (draft === value) return leave();
    setSaving(true);
    try {
      await onSave(draft);
      leave();
    } catch (problem) {
      setError(problem);
    } finally {
      setSaving(false);
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") leave();
    if (multiline && event.key === "Enter" && (event.ctrlKey || event.metaKey)) void save();
  };
  const field = {
    value: draft,
    "aria-label": `New ${label}`,
    onChange: (event: { target: { value: string } }) => setDraft(event.target.value),
    onKeyDown,
    autoFocus: true,
  };
  return (
    <form className={styles.form} onSubmit={save}>
      {multiline ? <textarea rows={4} {...field} /> : <input type="text" {...field} />}
      <span className={styles.buttons}>
        <button type="submit" data-kind="main" disabled={isSaving}>
          {isSaving ? "Saving…" : "Save"}
        </button>
        <button type="button" onClick={leave}>
          Cancel
        </button>
      </span>
      {error !== null && <Failure error={error} />}
    </form>
  );
}
