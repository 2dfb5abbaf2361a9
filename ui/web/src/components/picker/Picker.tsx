// A button that opens a list of expressions with a search: one can be chosen, or several.

import { Check, ChevronDown } from "lucide-react";
import { type KeyboardEvent, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "react";
import { found, type Option, shortExpression } from "./expressions";
import styles from "./Picker.module.css";

interface PickerProps {
  /** What is chosen: stands before the choice, on the button. */
  label: string;
  options: readonly Option[];
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
  /** Whether several can be chosen; else a choice closes the list. */
  several?: boolean;
  /** What the button says while nothing is chosen. */
  nothing?: string;
  /** Whether nothing can be chosen. */
  optional?: boolean;
  /** What may be written that is not in the list. */
  writable?: RegExp;
}

// more would only be scrolled past
const MOST = 200;
const EXPRESSION = /\b(run|metric)\b/;

export function Picker(props: PickerProps) {
  const { label, chosen, several = false, nothing = "none" } = props;
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const text = chosen.map(shortExpression).join(", ") || nothing;
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
    };
  }, [open]);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  return (
    <div className={styles.picker} ref={root}>
      <button
        type="button"
        ref={button}
        aria-haspopup="listbox"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        title={`${label}: ${chosen.join(", ") || nothing}`}
      >
        <span className={styles.label}>{label}</span>
        <span className={styles.chosen}>{text}</span>
        <ChevronDown size={14} aria-hidden />
      </button>
      {open && <List {...props} several={several} close={close} />}
    </div>
  );
}

function List({
  label,
  options,
  chosen,
  onChange,
  several,
  optional,
  nothing,
  writable = EXPRESSION,
  close,
}: PickerProps & { close: () => void }) {
  const id = useId();
  const [search, setSearch] = useState("");
  const [at, setAt] = useState(0);
  const panel = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const rows = useMemo(() => rowsFor(options, chosen, search, writable), [options, chosen, search, writable]);
  const active = rows[Math.min(at, rows.length - 1)];
  useLayoutEffect(() => {
    const element = panel.current;
    if (element === null) return;
    // at a narrow window's right edge the list moves to the left
    const over = element.getBoundingClientRect().right - document.documentElement.clientWidth + 8;
    if (over > 0) element.style.left = `${-over}px`;
    // not before it has its place: the page would scroll to where it was
    field.current?.focus({ preventScroll: true });
  }, []);
  useEffect(() => {
    document.getElementById(`${id}-${rows.indexOf(active as Option)}`)?.scrollIntoView({ block: "nearest" });
  }, [active, id, rows]);
  const choose = (expression: string) => {
    if (!several) {
      onChange(chosen.includes(expression) && optional ? [] : [expression]);
      close();
    } else if (chosen.includes(expression)) onChange(chosen.filter((one) => one !== expression));
    else onChange([...chosen, expression]);
  };
  const keyDown = (event: KeyboardEvent) => {
    const moves: { [key: string]: number } = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    const move = moves[event.key];
    if (move) setAt(Math.min(Math.max(at + move, 0), rows.length - 1));
    else if (event.key === "Enter" && active) choose(active.expression);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div className={styles.panel} ref={panel}>
      <input
        type="search"
        ref={field}
        role="combobox"
        aria-label={`${label}: search`}
        aria-expanded
        aria-controls={`${id}-list`}
        aria-activedescendant={active ? `${id}-${rows.indexOf(active)}` : undefined}
        placeholder="Search, or write an expression"
        value={search}
        onChange={(event) => {
          setSearch(event.target.value);
          setAt(0);
        }}
        onKeyDown={keyDown}
        spellCheck={false}
        autoComplete="off"
      />
      {optional && chosen.length > 0 && (
        <button
          type="button"
          data-kind="quiet"
          onClick={() => {
            onChange([]);
            close();
          }}
        >
          Clear: {nothing ?? "none"}
        </button>
      )}
      <div
        className={styles.list}
        id={`${id}-list`}
        role="listbox"
        aria-label={label}
        aria-multiselectable={several}
      >
        {rows.map((row, place) => (
          <Entry
            key={row.expression}
            id={`${id}-${place}`}
            row={row}
            heading={row.section !== rows[place - 1]?.section ? row.section : null}
            isActive={row === active}
            isChosen={chosen.includes(row.expression)}
            choose={choose}
          />
        ))}
        {rows.length === 0 && <p className={styles.nothing}>Nothing is called that.</p>}
      </div>
    </div>
  );
}

interface EntryProps {
  id: string;
  row: Option;
  heading: string | null;
  isActive: boolean;
  isChosen: boolean;
  choose: (expression: string) => void;
}

function Entry({ id, row, heading, isActive, isChosen, choose }: EntryProps) {
  return (
    <>
      {heading && (
        <div className={styles.heading} role="presentation">
          {heading}
        </div>
      )}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the search above has the focus and the keys */}
      <div
        id={id}
        className={styles.option}
        role="option"
        tabIndex={-1}
        aria-selected={isChosen}
        data-active={isActive || undefined}
        title={row.expression}
        onMouseDown={(event) => event.preventDefault()}
        onClick={() => choose(row.expression)}
      >
        <Check size={14} aria-hidden data-shown={isChosen || undefined} />
        <span>{row.label}</span>
      </div>
    </>
  );
}

/** What is chosen first, then what matches; and what the reader has written, if it is none of these. */
function rowsFor(
  options: readonly Option[],
  chosen: readonly string[],
  search: string,
  writable: RegExp,
): Option[] {
  const known = new Set(options.map((option) => option.expression));
  const unknown = chosen
    .filter((one) => !known.has(one))
    .map((expression) => ({ expression, label: shortExpression(expression), section: "Chosen" }));
  const rows = [...found([...unknown, ...options], search)].slice(0, MOST);
  const written = search.trim();
  if (writable.test(written) && !known.has(written) && !chosen.includes(written))
    rows.push({ expression: written, label: written, section: "As written" });
  return rows;
}
