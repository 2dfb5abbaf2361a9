// What can be done with the view that stands in the address: keep it under a name, and pass it on.

import { useQueryClient } from "@tanstack/react-query";
import { BookmarkPlus, Check, Link as LinkIcon } from "lucide-react";
import { type FormEvent, useEffect, useState } from "react";
import { Link, useLocation } from "wouter";
import { post } from "../../api/client";
import { Popover } from "../popover/Popover";
import styles from "../QueryBar.module.css";
import { Failure } from "../States";

export function SaveView() {
  return (
    <Popover label="Save this view" button={<BookmarkPlus size={16} aria-hidden />} quiet>
      {(close) => <NameForm close={close} />}
    </Popover>
  );
}

function NameForm({ close }: { close: () => void }) {
  const [path] = useLocation();
  const [name, setName] = useState("");
  const [state, setState] = useState<"open" | "sent" | "kept">("open");
  const [error, setError] = useState<unknown>(null);
  const client = useQueryClient();
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setState("sent");
    setError(null);
    try {
      await post("views", { name: name.trim(), address: path + window.location.search });
      await client.invalidateQueries({ queryKey: ["views"] });
      setState("kept");
    } catch (failure) {
      setError(failure);
      setState("open");
    }
  };
  if (state === "kept")
    return (
      <p className={styles.form} role="status">
        <span>
          Saved. It is among the <Link href="/views">views</Link>.
        </span>
        <button type="button" onClick={close} data-first>
          Close
        </button>
      </p>
    );
  return (
    <form className={styles.form} onSubmit={save}>
      <label>
        Name of the view
        <input
          type="text"
          value={name}
          maxLength={200}
          onChange={(event) => setName(event.target.value)}
          data-first
        />
      </label>
      <p className={styles.small}>
        Query, columns and order are kept, and whoever opens this repository sees it.
      </p>
      {error !== null && <Failure error={error} />}
      <button type="submit" data-kind="main" disabled={!name.trim() || state === "sent"}>
        Save
      </button>
    </form>
  );
}

/** Puts a text onto the clipboard; false where the browser does not let us. */
async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // such as over plain http from another machine
  }
}

export function CopyAddress() {
  const [state, setState] = useState<"ready" | "done" | "refused">("ready");
  useEffect(() => {
    if (state !== "done") return;
    const timer = window.setTimeout(() => setState("ready"), 2000);
    return () => window.clearTimeout(timer);
  }, [state]);
  return (
    <>
      <button
        type="button"
        data-kind="quiet"
        aria-label="Copy the address of this view"
        title="Copy the address of this view"
        onClick={async () => setState((await copied(window.location.href)) ? "done" : "refused")}
      >
        {state === "done" ? <Check size={16} aria-hidden /> : <LinkIcon size={16} aria-hidden />}
      </button>
      <span className="visually-hidden" role="status">
        {state === "done" && "The address is copied"}
      </span>
      {state === "refused" && (
        <input
          className={styles.address}
          type="text"
          readOnly
          aria-label="The address, to be copied by hand"
          value={window.location.href}
          ref={(field) => field?.select()}
          onBlur={() => setState("ready")}
        />
      )}
    </>
  );
}
