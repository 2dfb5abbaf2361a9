// The field of a query until the editor is there: it takes what is typed, and asks.

import type { Ref } from "react";
import styles from "../QueryBar.module.css";
import type { EditorHands } from "./editor";

interface PlainFieldProps {
  ref: Ref<HTMLTextAreaElement>;
  text: string;
  hint: string;
  label: string;
  describedBy: string;
  hands: EditorHands;
  onFocus: () => void;
}

export function PlainField({ ref, text, hint, label, describedBy, hands, onFocus }: PlainFieldProps) {
  return (
    <textarea
      ref={ref}
      className={styles.plain}
      rows={text.split("\n").length}
      value={text}
      placeholder={hint}
      aria-label={label}
      aria-describedby={describedBy}
      spellCheck={false}
      autoCapitalize="off"
      onFocus={onFocus}
      onChange={(event) => hands.change(event.target.value)}
      onKeyDown={(event) => {
        if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
          event.preventDefault();
          hands.ask();
        } else if (event.key === "Escape") hands.leave();
      }}
    />
  );
}
