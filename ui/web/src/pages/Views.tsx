// The saved views: addresses of this page under a name, for everybody who opens the repository.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Bookmark, BookmarkPlus, PencilLine, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Link } from "wouter";
import { get, post } from "../api/client";
import type { View } from "../api/types";
import { showAge, showTime } from "../api/values";
import { useProject } from "../components/query/names";
import { useRefresh } from "../components/refresh/useRefresh";
import { Empty, Failure, Loading } from "../components/States";
import type { Notice } from "./runs/edits";
import { Toast } from "./runs/Toast";
import styles from "./Views.module.css";
import { described } from "./views/address";

const PAUSE = 1000;

export default function Views() {
  const client = useQueryClient();
  const project = useProject();
  const [notice, setNotice] = useState<Notice | null>(null);
  const { data, error } = useQuery({
    queryKey: ["views"],
    queryFn: ({ signal }) => get<{ views: View[] }>("views", {}, signal),
    staleTime: 0,
  });
  const refresh = () => client.invalidateQueries({ queryKey: ["views"] });
  useRefresh(() => PAUSE, refresh); // a change does not say that it is about views
  const act = async (path: string, body: unknown, done: Notice) => {
    try {
      await post(path, body);
      setNotice(done);
    } catch (failure) {
      setNotice({ text: failure instanceof Error ? failure.message : String(failure), isBad: true });
    }
    await refresh();
  };
  const remove = ({ id, name, address }: View) =>
    act(
      `views/${encodeURIComponent(id)}`,
      { deleted: true },
      {
        text: `The view “${name}” is deleted.`,
        undo: () => void act("views", { name, address }, { text: `The view “${name}” is saved again.` }),
      },
    );
  if (error !== null) return <Failure error={error} />;
  if (data === undefined) return <Loading what="the views" />;
  const isReadOnly = project?.read_only ?? true;
  return (
    <div className={styles.page}>
      {data.views.length === 0 ? (
        <Empty title="No saved views">
          <p>
            A view is a query with its columns, order and everything else that a page shows.{" "}
            {!isReadOnly && (
              <>
                <BookmarkPlus size={14} aria-hidden /> beside the query of any page saves one under a name.
              </>
            )}
          </p>
          <Link href="/runs">To the runs</Link>
        </Empty>
      ) : (
        <>
          <h2>Saved views</h2>
          <ul className={styles.list}>
            {data.views.map((view) => (
              <Item
                key={view.id}
                view={view}
                isReadOnly={isReadOnly}
                remove={() => remove(view)}
                rename={(name) =>
                  act(
                    `views/${encodeURIComponent(view.id)}`,
                    { name },
                    { text: `The view is now called “${name}”.` },
                  )
                }
              />
            ))}
          </ul>
        </>
      )}
      {notice && <Toast notice={notice} dismiss={() => setNotice(null)} />}
    </div>
  );
}

interface ItemProps {
  view: View;
  isReadOnly: boolean;
  remove: () => void;
  rename: (name: string) => Promise<void>;
}

function Item({ view, isReadOnly, remove, rename }: ItemProps) {
  const [isRenaming, setRenaming] = useState(false);
  const place = described(view.address);
  return (
    <li className={styles.item}>
      <Bookmark size={16} aria-hidden />
      <div className={styles.what}>
        {isRenaming ? (
          <NameForm
            name={view.name}
            close={() => setRenaming(false)}
            rename={async (name) => {
              await rename(name);
              setRenaming(false);
            }}
          />
        ) : place === null ? (
          <span title={view.name}>{view.name}</span>
        ) : (
          <Link href={view.address} title={view.name}>
            {view.name}
          </Link>
        )}
        <span className={styles.address} title={view.address}>
          {place === null ? (
            "Its address is none of this page"
          ) : (
            <>
              {place.page}
              {place.query && <code>{place.query}</code>}
            </>
          )}
        </span>
      </div>
      <time className={styles.time} title={showTime(view.time)}>
        {showAge(view.time)}
      </time>
      {!isReadOnly && !isRenaming && (
        <span className={styles.actions}>
          <button
            type="button"
            data-kind="quiet"
            onClick={() => setRenaming(true)}
            aria-label={`Rename ${view.name}`}
            title="Rename"
          >
            <PencilLine size={15} aria-hidden />
          </button>
          <button
            type="button"
            data-kind="quiet"
            onClick={remove}
            aria-label={`Delete ${view.name}`}
            title="Delete"
          >
            <Trash2 size={15} aria-hidden />
          </button>
        </span>
      )}
    </li>
  );
}

interface NameFormProps {
  name: string;
  rename: (name: string) => Promise<void>;
  close: () => void;
}

function NameForm({ name, rename, close }: NameFormProps) {
  const [text, setText] = useState(name);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === name) close();
    else void rename(text.trim());
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <input
        type="text"
        value={text}
        maxLength={200}
        aria-label="Name of the view"
        ref={(field) => {
          field?.focus();
        }}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => event.key === "Escape" && close()}
      />
      <button type="submit" data-kind="main" disabled={!text.trim()}>
        Rename
      </button>
      <button type="button" onClick={close}>
        Cancel
      </button>
    </form>
  );
}
