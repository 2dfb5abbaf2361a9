// The editor of a query: CodeMirror with what a query needs, and in the colours of the page.

import {
  acceptCompletion,
  autocompletion,
  type Completion,
  type CompletionContext,
  type CompletionResult,
  closeBrackets,
  closeBracketsKeymap,
  completionStatus,
  moveCompletionSelection,
  selectedCompletion,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { pythonLanguage } from "@codemirror/lang-python";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorState, type Extension, Prec } from "@codemirror/state";
import { EditorView, highlightSpecialChars, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Kind, Names } from "../../api/types";
import { legible } from "../../legible/legible";
import { type Offer, type Offers, offersAt } from "./completion";

/** What the editor asks of the page around it; read anew at each key. */
export interface EditorHands {
  kind: Kind;
  names: Names | undefined;
  change: (text: string) => void;
  ask: () => void;
  leave: () => void;
  /** The query to show instead, by arrow up (-1) and down (+1); null for none. */
  walk: (direction: -1 | 1) => string | null;
}

const HIGHLIGHT = HighlightStyle.define([
  {
    tag: [tags.keyword, tags.operatorKeyword, tags.bool, tags.null],
    color: "var(--accent)",
    fontWeight: "600",
  },
  { tag: tags.string, color: "var(--good)" },
  { tag: tags.number, color: "var(--live)" },
  { tag: tags.comment, color: "var(--ink-3)", fontStyle: "italic" },
]);

const LOOK = EditorView.theme({
  "&": { fontSize: "13px", color: "var(--ink)", backgroundColor: "transparent" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "20px", maxHeight: "164px", overflow: "auto" },
  ".cm-content": { padding: "5px 0", caretColor: "var(--ink)" },
  ".cm-line": { padding: "0 9px" },
  ".cm-placeholder": { color: "var(--ink-3)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--accent-soft)" },
  ".cm-lintRange-error": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--bad) 1px",
    textUnderlineOffset: "3px",
    textDecorationSkipInk: "none",
  },
  ".cm-tooltip": {
    backgroundColor: "var(--surface)",
    color: "var(--ink)",
    border: "1px solid var(--line)",
    borderRadius: "var(--radius)",
    boxShadow: "0 4px 16px rgb(0 0 0 / 0.18)",
    overflow: "hidden",
    zIndex: "30",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": {
    fontFamily: "var(--mono)",
    fontSize: "12.5px",
    maxHeight: "min(300px, 45vh)",
    maxWidth: "min(620px, 92vw)",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": {
    display: "flex",
    alignItems: "baseline",
    gap: "12px",
    padding: "3px 9px",
    lineHeight: "20px",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": {
    backgroundColor: "var(--accent)",
    color: "var(--accent-ink)",
  },
  ".cm-completionLabel": { overflow: "hidden", textOverflow: "ellipsis", flex: "0 1 auto" },
  ".cm-completionDetail": {
    marginLeft: "auto",
    fontFamily: "var(--sans)",
    fontStyle: "normal",
    opacity: "0.75",
    overflow: "hidden",
    textOverflow: "ellipsis",
    flex: "0 1 auto",
  },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700" },
  ".cm-diagnostic": { padding: "5px 9px", borderLeft: "3px solid var(--bad)", fontFamily: "var(--sans)" },
});

const completions = new WeakMap<readonly Offer[], Completion[]>();

function completion(offer: Offer): Completion {
  const { label, detail, sort: type, boost } = offer;
  return {
    label,
    displayLabel: legible(label),
    type,
    ...(detail ? { detail: legible(detail) } : {}),
    ...(boost ? { boost } : {}),
  };
}

/** The offers as CodeMirror wants them; those of a long list are made once. */
function listed(found: Offers, at: number): CompletionResult {
  const { from, options, valid, replace } = found;
  if (replace === undefined && options.every((offer) => offer.insert === undefined)) {
    const made = completions.get(options) ?? options.map(completion);
    completions.set(options, made);
    return { from, options: made, validFor: valid };
  }
  const before = replace ? from - replace.from : 0;
  const behind = replace ? replace.to - at : 0;
  return {
    from,
    validFor: valid,
    options: options.map((offer) => ({
      ...completion(offer),
      apply: (view: EditorView, _chosen: Completion, start: number, end: number) => {
        const insert = offer.insert ?? offer.label;
        const to = Math.min(end + behind, view.state.doc.length);
        view.dispatch({
          changes: { from: start - before, to, insert },
          selection: { anchor: start - before + insert.length },
          userEvent: "input.complete",
        });
      },
    })),
  };
}

function source(hands: () => EditorHands) {
  return (context: CompletionContext): CompletionResult | null => {
    const { kind, names } = hands();
    if (names === undefined) return null;
    const text = context.state.doc.toString();
    const found = offersAt(
      text.slice(0, context.pos),
      text.slice(context.pos),
      kind,
      names,
      context.explicit,
    );
    return found && listed(found, context.pos);
  };
}

function accept(view: EditorView): boolean {
  // a moment before the list is there Tab does nothing: it would leave, and what is typed next would press a button
  if (completionStatus(view.state) === "pending") return true;
  if (completionStatus(view.state) !== "active") return false;
  if (selectedCompletion(view.state) === null) moveCompletionSelection(true)(view);
  return acceptCompletion(view);
}

function walked(view: EditorView, hands: () => EditorHands, direction: -1 | 1): boolean {
  const { doc, selection } = view.state;
  const line = doc.lineAt(selection.main.head).number;
  if (!selection.main.empty || completionStatus(view.state) !== null) return false;
  if (line !== (direction === -1 ? 1 : doc.lines)) return false;
  const text = hands().walk(direction);
  if (text === null) return false;
  view.dispatch({
    changes: { from: 0, to: doc.length, insert: text },
    selection: { anchor: text.length },
    userEvent: "history",
  });
  return true;
}

function keys(hands: () => EditorHands): Extension {
  const ask = () => {
    hands().ask();
    return true;
  };
  return [
    // before the keys of completion: Tab takes what is offered, and Enter only what was chosen
    Prec.highest(
      keymap.of([
        { key: "Tab", run: accept },
        { key: "Mod-Enter", run: ask },
      ]),
    ),
    keymap.of([
      { key: "Enter", run: ask },
      { key: "ArrowUp", run: (view) => walked(view, hands, -1) },
      { key: "ArrowDown", run: (view) => walked(view, hands, 1) },
      {
        key: "Escape",
        run: (view) => {
          if (completionStatus(view.state) !== null) return false;
          hands().leave();
          return true;
        },
      },
      ...closeBracketsKeymap,
      ...historyKeymap,
      // Shift-Enter is a new line here already, as the rest of the usual keys
      ...defaultKeymap,
    ]),
  ];
}

/** Everything that the editor of a query is made of. `hands` gives what holds now. */
export function queryExtensions(
  hands: () => EditorHands,
  options: { label: string; hint: string; describedBy: string },
): Extension {
  const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";
  return [
    EditorView.cspNonce.of(nonce),
    keys(hands),
    history(),
    highlightSpecialChars(),
    pythonLanguage,
    bracketMatching(),
    closeBrackets(),
    autocompletion({
      override: [source(hands)],
      selectOnOpen: false,
      // nothing is taken unless it was chosen, so there is no key to be guarded against
      interactionDelay: 0,
      icons: false,
      maxRenderedOptions: 80,
      activateOnTypingDelay: 60,
    }),
    syntaxHighlighting(HIGHLIGHT),
    EditorView.lineWrapping,
    placeholder(options.hint),
    EditorState.tabSize.of(4),
    EditorView.contentAttributes.of({
      "aria-label": options.label,
      "aria-describedby": options.describedBy,
      autocapitalize: "off",
      autocorrect: "off",
      spellcheck: "false",
      enterkeyhint: "search",
    }),
    LOOK,
    EditorView.updateListener.of((update) => {
      if (update.docChanged) hands().change(update.state.doc.toString());
    }),
  ];
}
