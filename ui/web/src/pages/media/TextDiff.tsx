import { useMemo, useState } from "react";
import { showContext, showNumber } from "../../api/values";
import { Dialog } from "../../components/detail/Dialog";
import { isBroken } from "./Broken";
import { type DiffLine, diffLines, folded } from "./diff";
import type { TextRow } from "./rows";
import styles from "./TextDiff.module.css";

/** What differs between two texts, line by line. */
export function TextDiff({
  before,
  after,
  onClose,
}: {
  before: TextRow;
  after: TextRow;
  onClose: () => void;
}) {
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const [a, b] = [textOf(before), textOf(after)];
  const lines = useMemo(() => diffLines(a, b), [a, b]);
  const items = useMemo(() => folded(lines), [lines]);
  const changes = lines.filter(({ kind }) => kind !== "same").length;
  return (
    <Dialog
      title={
        <>
          <span className={styles.removed}>{nameOf(before)}</span> →{" "}
          <span className={styles.added}>{nameOf(after)}</span>
        </>
      }
      onClose={onClose}
    >
      <p className={styles.said}>
        {changes === 0 ? "They are the same." : `${changes.toLocaleString("en-US")} lines differ.`}
      </p>
      <div className={styles.lines}>
        {items.map((item, index) =>
          item.kind === "fold" && !open.has(index) ? (
            <button
              key={index}
              type="button"
              data-kind="quiet"
              onClick={() => setOpen(new Set([...open, index]))}
            >
              {item.lines.length.toLocaleString("en-US")} lines that are the same
            </button>
          ) : (
            (item.kind === "fold" ? item.lines : [item]).map((line, at) => (
              <Line key={`${index} ${at}`} line={line} />
            ))
          ),
        )}
      </div>
    </Dialog>
  );
}

const SIGN = { same: " ", removed: "−", added: "+" };

function Line({ line }: { line: DiffLine }) {
  return (
    <div className={styles.line} data-kind={line.kind}>
      <span aria-hidden>{SIGN[line.kind]}</span>
      {line.kind !== "same" && <span className="visually-hidden">{line.kind}: </span>}
      <span className={styles.text}>{line.text}</span>
    </div>
  );
}

function textOf({ value }: TextRow): string {
  return isBroken(value) ? "" : value.text;
}

function nameOf({ sequence, step, index, length }: TextRow): string {
  const place = length > 1 ? ` (${index + 1} of ${length})` : "";
  return [
    sequence.run_name || sequence.run,
    sequence.name,
    showContext(sequence.context),
    `step ${showNumber(step)}`,
  ]
    .filter(Boolean)
    .join(" ")
    .concat(place);
}
