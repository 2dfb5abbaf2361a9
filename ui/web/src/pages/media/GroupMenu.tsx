import { Group } from "lucide-react";
import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import type { ImageValue, MediaSequence } from "../../api/types";
import styles from "./GroupMenu.module.css";
import { type GroupKey, groupKeys, groupTitle } from "./grid";

/** What rows are told apart by: boxes to tick, and a field for a parameter's expression. */
export function GroupMenu({
  sequences,
  keys,
  onChange,
}: {
  sequences: readonly MediaSequence<ImageValue>[];
  keys: readonly GroupKey[];
  onChange: (keys: GroupKey[]) => void;
}) {
  const id = useId();
  const [isOpen, setOpen] = useState(false);
  const [draft, setDraft] = useState("");
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    const outside = (event: PointerEvent) => {
      if (event.target instanceof Node && !place.current?.contains(event.target)) setOpen(false);
    };
    const leave = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      setOpen(false);
      place.current?.querySelector("button")?.focus();
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("keydown", leave);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("keydown", leave);
    };
  }, [isOpen]);
  const parameters = keys.filter((key) => key.startsWith("param:")).map((key) => key.slice(6));
  const all = groupKeys(sequences, parameters);
  const toggle = (key: GroupKey) => {
    const next = keys.includes(key) ? keys.filter((other) => other !== key) : [...keys, key];
    // in the order of the menu, whatever was ticked first; one has to be left
    if (next.length) onChange(all.filter((one) => next.includes(one)));
  };
  const add = (event: FormEvent) => {
    event.preventDefault();
    const expression = draft.trim();
    if (!expression) return;
    if (!parameters.includes(expression)) onChange([...keys, `param:${expression}`]);
    setDraft("");
  };
  return (
    <div className={styles.menu} ref={place}>
      <button type="button" aria-expanded={isOpen} aria-controls={id} onClick={() => setOpen(!isOpen)}>
        <Group size={14} aria-hidden />
        <span className={styles.said}>Rows by {keys.map(groupTitle).join(", ")}</span>
      </button>
      {isOpen && (
        <fieldset className={styles.list} id={id}>
          <legend>A row for each</legend>
          {all.map((key) => (
            <label key={key} title={groupTitle(key)}>
              <input type="checkbox" checked={keys.includes(key)} onChange={() => toggle(key)} />
              <span>{groupTitle(key)}</span>
            </label>
          ))}
          <form onSubmit={add}>
            <input
              type="text"
              value={draft}
              onChange={(event) => setDraft(event.target.value)}
              placeholder="run.hparams.lr"
              aria-label="Parameter to group by, as an expression"
            />
            <button type="submit">Add</button>
          </form>
        </fieldset>
      )}
    </div>
  );
}
