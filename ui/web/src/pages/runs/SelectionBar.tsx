// What can be done with the selected runs.

import {
  Archive,
  ArchiveRestore,
  ChartLine,
  ChartScatter,
  Columns2,
  PencilLine,
  Tag,
  Trash2,
  X,
} from "lucide-react";
import { type FormEvent, type ReactNode, useState } from "react";
import { Link } from "wouter";
import { Popover } from "../../components/popover/Popover";
import { type Edits, runs } from "./edits";
import styles from "./Runs.module.css";
import { MOST_IN_A_QUERY, type Selection, searchFor, tagsOf, type Whole } from "./selection";

interface SelectionBarProps {
  selection: Selection;
  whole: Whole | null;
  clear: () => void;
  edits: Edits;
  isReadOnly: boolean;
  isSideBySide: boolean;
  setSideBySide: (shown: boolean) => void;
}

export function SelectionBar(props: SelectionBarProps) {
  const { selection, whole, clear, isReadOnly, isSideBySide, setSideBySide } = props;
  const parameters = searchFor(selection, whole);
  const search = parameters && `?${parameters}`;
  return (
    <div className={styles.selection} role="toolbar" aria-label="The selected runs">
      <button
        type="button"
        data-kind="quiet"
        onClick={clear}
        aria-label="Select none"
        title="Select none (Escape)"
      >
        <X size={14} aria-hidden />
      </button>
      <strong role="status">{selection.size.toLocaleString("en-US")} selected</strong>
      <Leading
        search={search}
        to="/metrics"
        icon={<ChartLine size={14} aria-hidden />}
        text="Metrics of these"
      />
      <Leading
        search={search}
        to="/compare"
        icon={<ChartScatter size={14} aria-hidden />}
        text="Compare these"
      />
      {search === null && (
        <span className={styles.small}>
          A query can name {MOST_IN_A_QUERY} runs, or be the one that matches all: select those.
        </span>
      )}
      <button
        type="button"
        disabled={selection.size < 2}
        aria-pressed={isSideBySide}
        title={
          selection.size < 2
            ? "Select two or more"
            : "Parameters and metrics of each, and in what they differ"
        }
        onClick={() => setSideBySide(!isSideBySide)}
      >
        <Columns2 size={14} aria-hidden />
        Side by side
      </button>
      {!isReadOnly && <Changes {...props} />}
    </div>
  );
}

function Leading({
  search,
  to,
  icon,
  text,
}: {
  search: string | null;
  to: string;
  icon: ReactNode;
  text: string;
}) {
  if (search === null)
    return (
      <button type="button" disabled>
        {icon}
        {text}
      </button>
    );
  return (
    <Link className={styles.button ?? ""} href={to + search}>
      {icon}
      {text}
    </Link>
  );
}

function Changes({ selection, edits }: SelectionBarProps) {
  const hashes = [...selection.keys()];
  const rows = [...selection.values()];
  const [only] = rows;
  const toArchive = rows.filter(({ archived }) => !archived).map(({ hash }) => hash);
  const toRestore = rows.filter(({ archived }) => archived).map(({ hash }) => hash);
  return (
    <>
      <Popover
        label="Tags of the selected runs"
        button={
          <>
            <Tag size={14} aria-hidden />
            Tags
          </>
        }
        disabled={edits.isBusy}
      >
        {() => <TagForm selection={selection} edits={edits} />}
      </Popover>
      {rows.length === 1 && only && (
        <Popover
          label="Rename the run"
          button={
            <>
              <PencilLine size={14} aria-hidden />
              Rename
            </>
          }
          disabled={edits.isBusy}
        >
          {(close) => (
            <NameForm key={only.hash} hash={only.hash} name={only.name ?? ""} edits={edits} close={close} />
          )}
        </Popover>
      )}
      {toArchive.length > 0 && (
        <button
          type="button"
          disabled={edits.isBusy}
          onClick={() =>
            edits.apply(toArchive, {
              edit: { set: { archived: true } },
              done: "archived",
              note: "Queries leave archived runs out unless they speak of run.archived.",
              back: { set: { archived: false } },
            })
          }
        >
          <Archive size={14} aria-hidden />
          Archive
        </button>
      )}
      {toRestore.length > 0 && (
        <button
          type="button"
          disabled={edits.isBusy}
          onClick={() =>
            edits.apply(toRestore, {
              edit: { set: { archived: false } },
              done: "taken out of the archive",
              back: { set: { archived: true } },
            })
          }
        >
          <ArchiveRestore size={14} aria-hidden />
          Unarchive
        </button>
      )}
      <button
        type="button"
        className={styles.delete}
        disabled={edits.isBusy}
        onClick={() =>
          edits.apply(hashes, {
            edit: { deleted: true },
            done: "deleted",
            note: "What is deleted stays on disk, and can be brought back, until “runstone gc” removes it.",
            back: { deleted: false },
          })
        }
      >
        <Trash2 size={14} aria-hidden />
        Delete
      </button>
    </>
  );
}

function TagForm({ selection, edits }: { selection: Selection; edits: Edits }) {
  const [tag, setTag] = useState("");
  const hashes = [...selection.keys()];
  const add = async (event: FormEvent) => {
    event.preventDefault();
    const text = tag.trim();
    // those that bear it already keep it when this is undone
    const others = [...selection.values()].filter(({ tags }) => !tags.includes(text)).map(({ hash }) => hash);
    if (others.length === 0) {
      edits.say({ text: `All of them are tagged “${text}” already.` });
      return setTag("");
    }
    const done = await edits.apply(others, {
      edit: { add_tags: [text] },
      done: `tagged “${text}”`,
      back: { remove_tags: [text] },
    });
    if (done.length > 0) setTag("");
  };
  return (
    <form className={styles.form} onSubmit={add}>
      <label>
        Add a tag to {runs(hashes.length)}
        <input
          type="text"
          value={tag}
          maxLength={200}
          onChange={(event) => setTag(event.target.value)}
          data-first
        />
      </label>
      <button type="submit" data-kind="main" disabled={!tag.trim() || edits.isBusy}>
        Add
      </button>
      {tagsOf(selection).map(([one, count]) => (
        <div key={one} className={styles.tagRow}>
          <span title={one}>{one}</span>
          <span className={styles.small}>
            {count === hashes.length ? "all" : `${count} of ${hashes.length}`}
          </span>
          <button
            type="button"
            data-kind="quiet"
            disabled={edits.isBusy}
            aria-label={`Take the tag ${one} away`}
            title="Take it away"
            onClick={() => {
              const bearers = [...selection.values()].filter(({ tags }) => tags.includes(one));
              void edits.apply(
                bearers.map(({ hash }) => hash),
                {
                  edit: { remove_tags: [one] },
                  done: `no longer tagged “${one}”`,
                  back: { add_tags: [one] },
                },
              );
            }}
          >
            <X size={14} aria-hidden />
          </button>
        </div>
      ))}
    </form>
  );
}

interface NameFormProps {
  hash: string;
  name: string;
  edits: Edits;
  close: () => void;
}

function NameForm({ hash, name, edits, close }: NameFormProps) {
  const [text, setText] = useState(name);
  const rename = async (event: FormEvent) => {
    event.preventDefault();
    const done = await edits.apply([hash], {
      edit: { set: { name: text.trim() } },
      done: "renamed",
      back: { set: { name } },
    });
    if (done.length > 0) close();
  };
  return (
    <form className={styles.form} onSubmit={rename}>
      <label>
        New name
        <input
          type="text"
          value={text}
          maxLength={1000}
          onChange={(event) => setText(event.target.value)}
          data-first
        />
      </label>
      <button type="submit" data-kind="main" disabled={!text.trim() || text.trim() === name || edits.isBusy}>
        Rename
      </button>
    </form>
  );
}
