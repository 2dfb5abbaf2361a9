// The field of a query as CodeMirror has it. Loaded when the page has time: until then there is a plain one.

import { setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import type { ApiError } from "../../api/client";
import { type EditorHands, queryExtensions } from "./editor";
import { spanAt } from "./place";

/** Where the cursor stands: what is selected begins at the first and ends at the second. */
export type Cursor = readonly [number, number];

export interface Opening {
  parent: HTMLElement;
  text: string;
  /** Where the cursor is, if the field is to have the focus at once. */
  cursor: Cursor | null;
  hands: () => EditorHands;
  label: string;
  hint: string;
  describedBy: string;
}

export class Field {
  readonly #view: EditorView;

  constructor({ parent, text, cursor, hands, ...said }: Opening) {
    const state = EditorState.create({ doc: text, extensions: queryExtensions(hands, said) });
    this.#view = new EditorView({ parent, state });
    if (cursor !== null) {
      const [anchor, head] = cursor;
      this.#view.dispatch({ selection: { anchor, head } });
      this.#view.focus();
    }
  }

  get text(): string {
    return this.#view.state.doc.toString();
  }

  /** Show another text, unless it stands there. */
  replace(text: string): void {
    if (this.text === text) return;
    this.#view.dispatch({
      changes: { from: 0, to: this.#view.state.doc.length, insert: text },
      selection: { anchor: text.length },
    });
  }

  /** Underline what is wrong, where that is known. */
  blame(problem: ApiError | null): void {
    const found = problem?.line == null ? null : spanAt(this.text, problem.line, problem.column ?? 1);
    const diagnostics =
      problem === null || found === null || found.from === found.to
        ? []
        : [{ ...found, severity: "error" as const, message: problem.message }];
    this.#view.dispatch(setDiagnostics(this.#view.state, diagnostics));
  }

  focus(): void {
    this.#view.focus();
  }

  close(): void {
    this.#view.destroy();
  }
}
