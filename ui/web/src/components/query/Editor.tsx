// The field in which a query is written.

import { setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { type Ref, useEffect, useImperativeHandle, useRef } from "react";
import type { ApiError } from "../../api/client";
import styles from "../QueryBar.module.css";
import { type EditorHands, queryExtensions } from "./editor";
import { spanAt } from "./place";

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

export function Editor({ text, hint, label, describedBy, problem, ref, ...hands }: EditorProps) {
  const place = useRef<HTMLDivElement>(null);
  const editor = useRef<EditorView | null>(null);
  const latest = useRef<EditorHands>(hands);
  latest.current = hands;
  const first = useRef(text);

  useEffect(() => {
    if (place.current === null) return;
    const view = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: first.current,
        extensions: queryExtensions(() => latest.current, { label, hint, describedBy }),
      }),
    });
    editor.current = view;
    return () => {
      first.current = view.state.doc.toString();
      editor.current = null;
      view.destroy();
    };
  }, [label, hint, describedBy]);

  useEffect(() => {
    const view = editor.current;
    const shown = view?.state.doc;
    if (view && shown && shown.toString() !== text) {
      view.dispatch({
        changes: { from: 0, to: shown.length, insert: text },
        selection: { anchor: text.length },
      });
    }
  }, [text]);

  useEffect(() => {
    const view = editor.current;
    if (!view) return;
    const found =
      problem?.line == null ? null : spanAt(view.state.doc.toString(), problem.line, problem.column ?? 1);
    const diagnostics =
      problem === null || found === null || found.from === found.to
        ? []
        : [{ ...found, severity: "error" as const, message: problem.message }];
    view.dispatch(setDiagnostics(view.state, diagnostics));
  }, [problem]);

  useImperativeHandle(ref, () => ({ focus: () => editor.current?.focus() }), []);
  return <div ref={place} className={styles.editor} />;
}
