// The field in which a query is written.

import { type Ref, useCallback, useEffect, useImperativeHandle, useRef, useState } from "react";
import type { ApiError } from "../../api/client";
import styles from "../QueryBar.module.css";
import type { EditorHands } from "./editor";
import type { Cursor, Field } from "./field";
import { PlainField } from "./PlainField";

export interface EditorHandle {
  focus: () => void;
}

interface EditorProps extends EditorHands {
  text: string;
  hint: string;
  label: string;
  /** The id of what says how the query fares. */
  describedBy: string;
  /** What is wrong with the text that stands there. */
  problem: ApiError | null;
  ref?: Ref<EditorHandle>;
}

type Fields = typeof import("./field");

let loaded: Fields | null = null;
let loading: Promise<Fields> | null = null;

/** Load the editor, which is nearly half of all scripts. Where it cannot be had, the plain field stays. */
function load(): Promise<Fields> {
  loading ??= import("./field").then((fields) => {
    loaded = fields;
    return fields;
  });
  loading.catch(() => {
    loading = null;
  });
  return loading;
}

const LATEST_MS = 1000;

/** Call something when the page has nothing else to do; returns what calls that off. */
function whenIdle(what: () => void): () => void {
  if (typeof requestIdleCallback === "undefined") {
    const timer = setTimeout(what, LATEST_MS / 4);
    return () => clearTimeout(timer);
  }
  const asked = requestIdleCallback(what, { timeout: LATEST_MS });
  return () => cancelIdleCallback(asked);
}

export function Editor({ text, hint, label, describedBy, problem, ref, ...hands }: EditorProps) {
  const place = useRef<HTMLDivElement>(null);
  const plain = useRef<HTMLTextAreaElement>(null);
  const field = useRef<Field | null>(null);
  const cursor = useRef<Cursor | null>(null);
  const latest = useRef({ hands, text, problem });
  latest.current = { hands, text, problem };
  const [fields, setFields] = useState(loaded);

  const take = useCallback(() => {
    const taken = (found: Fields) => {
      const old = plain.current;
      if (old !== null && document.activeElement === old)
        cursor.current = [old.selectionStart, old.selectionEnd];
      setFields(found);
    };
    load().then(taken, () => undefined);
  }, []);
  useEffect(() => (fields === null ? whenIdle(take) : undefined), [fields, take]);

  useEffect(() => {
    if (place.current === null || fields === null) return;
    const opened = new fields.Field({
      ...{ label, hint, describedBy },
      parent: place.current,
      text: latest.current.text,
      cursor: cursor.current,
      hands: () => latest.current.hands,
    });
    cursor.current = null;
    opened.blame(latest.current.problem);
    field.current = opened;
    return () => {
      field.current = null;
      opened.close();
    };
  }, [fields, label, hint, describedBy]);

  useEffect(() => field.current?.replace(text), [text]);
  useEffect(() => field.current?.blame(problem), [problem]);

  useImperativeHandle(ref, () => ({ focus: () => (field.current ?? plain.current)?.focus() }), []);
  return (
    <div ref={place} className={styles.editor}>
      {fields === null && (
        <PlainField ref={plain} onFocus={take} {...{ text, hint, label, describedBy, hands }} />
      )}
    </div>
  );
}
