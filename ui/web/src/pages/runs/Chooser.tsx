// Which columns the table has: those shown, in their order; all there is to choose from; and any expression.

import { ArrowDown, ArrowUp, Columns3, Pin, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import type { NamedSequence, Names } from "../../api/types";
import { Popover } from "../../components/popover/Popover";
import { useCheck } from "../../components/query/check";
import { BUILT_IN_IDS, columnOf, movedBy, titleOf } from "./columns";
import styles from "./Runs.module.css";
import { find } from "./search";

interface ChooserProps {
  ids: readonly string[];
  pinned: readonly string[];
  names: Names | undefined;
  setIds: (ids: readonly string[] | null) => void;
  setPinned: (ids: readonly string[]) => void;
}

const MOST = 150;
const SUMMARIES = ["last", "min", "max", "mean", "first", "count"] as const;

export function Chooser(props: ChooserProps) {
  return (
    <Popover
      label="Choose columns"
      button={
        <>
          <Columns3 size={14} aria-hidden />
          Columns
        </>
      }
    >
      {() => <Choice {...props} />}
    </Popover>
  );
}

function Choice({ ids, pinned, names, setIds, setPinned }: ChooserProps) {
  const [search, setSearch] = useState("");
  const [summary, setSummary] = useState<string>("last");
  const flip = (id: string) => setIds(ids.includes(id) ? ids.filter((one) => one !== id) : [...ids, id]);
  const builtIn = find(BUILT_IN_IDS, (id) => columnOf(id).title, search, MOST);
  const params = find(names?.params ?? [], (one) => one, search, MOST);
  const metrics = find(names?.metrics ?? [], ({ expression }) => expression, search, MOST);
  const option = (id: string, title: string) => (
    <label key={id} className={styles.option} title={id}>
      <input type="checkbox" checked={ids.includes(id)} disabled={id === "name"} onChange={() => flip(id)} />
      <span>{title}</span>
    </label>
  );
  const metric = ({ expression }: NamedSequence) => {
    const id = `${expression}.${summary}`;
    return option(id, titleOf(id));
  };
  return (
    <div className={styles.chooser}>
      <section>
        <header>
          <h2>Shown</h2>
          <button type="button" data-kind="quiet" onClick={() => setIds(null)}>
            As at first
          </button>
        </header>
        <ol>
          {ids.map((id) => (
            <li key={id} className={styles.shown}>
              <span title={id}>{columnOf(id).title}</span>
              <button
                type="button"
                data-kind="quiet"
                aria-pressed={pinned.includes(id)}
                aria-label={`Pin ${columnOf(id).title} to the left`}
                title="Pin to the left"
                onClick={() =>
                  setPinned(pinned.includes(id) ? pinned.filter((one) => one !== id) : [...pinned, id])
                }
              >
                <Pin size={13} aria-hidden />
              </button>
              <button
                type="button"
                data-kind="quiet"
                aria-label={`Move ${columnOf(id).title} to the left`}
                title="Further to the left"
                onClick={() => setIds(movedBy(ids, id, -1))}
              >
                <ArrowUp size={13} aria-hidden />
              </button>
              <button
                type="button"
                data-kind="quiet"
                aria-label={`Move ${columnOf(id).title} to the right`}
                title="Further to the right"
                onClick={() => setIds(movedBy(ids, id, 1))}
              >
                <ArrowDown size={13} aria-hidden />
              </button>
              <button
                type="button"
                data-kind="quiet"
                disabled={id === "name"}
                aria-label={`Hide ${columnOf(id).title}`}
                title="Hide"
                onClick={() => flip(id)}
              >
                <X size={13} aria-hidden />
              </button>
            </li>
          ))}
        </ol>
      </section>
      <section>
        <Expression
          add={(expression) => !ids.includes(expression) && setIds([...ids, expression])}
          label="Any expression, such as run.metrics[&quot;loss&quot;].min * 100"
          button="Add"
        />
        <input
          type="search"
          value={search}
          placeholder="Find a name"
          aria-label="Find a name"
          onChange={(event) => setSearch(event.target.value)}
          data-first
        />
        <div className={styles.options}>
          {builtIn.shown.length > 0 && <h2>Of every run</h2>}
          {builtIn.shown.map((id) => option(id, columnOf(id).title))}
          <h2>Parameters</h2>
          {params.shown.map((id) => option(id, titleOf(id)))}
          <More more={params.more} none={params.shown.length === 0} />
          <header>
            <h2>Metrics</h2>
            <select
              value={summary}
              onChange={(event) => setSummary(event.target.value)}
              aria-label="Which of its values"
            >
              {SUMMARIES.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </header>
          {metrics.shown.map(metric)}
          <More more={metrics.more} none={metrics.shown.length === 0} />
        </div>
      </section>
    </div>
  );
}

function More({ more, none }: { more: number; none: boolean }) {
  if (none) return <p className={styles.small}>None of that name.</p>;
  return more > 0 ? (
    <p className={styles.small}>and {more.toLocaleString("en-US")} more: find them by name</p>
  ) : null;
}

interface ExpressionProps {
  add: (expression: string) => void;
  label: string;
  button: string;
}

/** A field for an expression, which is checked while it is written. */
export function Expression({ add, label, button }: ExpressionProps) {
  const [text, setText] = useState("");
  const problem = useCheck(text, "runs", text.trim() !== "");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    add(text.trim());
    setText("");
  };
  return (
    <form className={styles.expression} onSubmit={submit}>
      <label>
        <span className={styles.small}>{label}</span>
        <input
          type="text"
          value={text}
          spellCheck={false}
          autoCapitalize="off"
          aria-invalid={problem !== null}
          onChange={(event) => setText(event.target.value)}
        />
      </label>
      <button type="submit" disabled={!text.trim() || problem !== null}>
        {button}
      </button>
      {problem !== null && (
        <p className={styles.problem} role="alert">
          {problem.message} {problem.hint}
        </p>
      )}
    </form>
  );
}
