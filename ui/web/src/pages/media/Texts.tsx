// Texts by step: searched, folded where they are long, and two of them compared.

import { GitCompareArrows } from "lucide-react";
import { memo, useMemo, useState } from "react";
import { useAddress } from "../../address";
import type { MediaSequence, TextValue } from "../../api/types";
import { showNumber } from "../../api/values";
import { Copy } from "../../components/detail/Copy";
import { VirtualList } from "../../components/VirtualList";
import { Broken, isBroken } from "./Broken";
import view from "./MediaView.module.css";
import { pieces, type TextRow, textRows } from "./rows";
import { SequenceHead } from "./SequenceHead";
import { TextDiff } from "./TextDiff";
import styles from "./Texts.module.css";

type Texts = readonly MediaSequence<TextValue>[];

export function Texts({ sequences }: { sequences: Texts }) {
  const [parameters, change] = useAddress();
  const words = parameters.get("find") ?? "";
  const rows = useMemo(() => textRows(sequences, words), [sequences, words]);
  const all = useMemo(
    () => sequences.flatMap((one) => one.points.flatMap(({ values }) => values)).length,
    [sequences],
  );
  const count = rows.filter(({ kind }) => kind === "text").length;
  const [marked, setMarked] = useState<TextRow | null>(null);
  const [pair, setPair] = useState<[TextRow, TextRow] | null>(null);
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(new Set());
  const compare = (row: TextRow) => {
    if (marked === null || marked.id === row.id) return setMarked(marked === null ? row : null);
    setPair(rows.indexOf(marked) <= rows.indexOf(row) ? [marked, row] : [row, marked]);
    setMarked(null);
  };
  const toggle = (id: string) => {
    const next = new Set(unfolded);
    if (!next.delete(id)) next.add(id);
    setUnfolded(next);
  };
  return (
    <>
      <div className={view.controls}>
        <input
          type="search"
          value={words}
          onChange={(event) => change({ find: event.target.value }, { replace: true })}
          placeholder="Find in the texts"
          aria-label="Find in the texts"
        />
        <span className={view.said} role="status">
          {words
            ? `in ${count.toLocaleString("en-US")} of ${all.toLocaleString("en-US")} texts`
            : `${all.toLocaleString("en-US")} texts`}
        </span>
        {marked && (
          <span className={view.said}>
            Choose the text to compare step {showNumber(marked.step)} with.{" "}
            <button type="button" onClick={() => setMarked(null)}>
              Never mind
            </button>
          </span>
        )}
      </div>
      <VirtualList
        items={rows}
        estimate={(row) => (row?.kind === "head" ? 38 : 90)}
        keyOf={(row) => row.id}
        overscan={5}
        className={view.scroll}
      >
        {(row) =>
          row.kind === "head" ? (
            <div className={styles.head}>
              <SequenceHead sequence={row.sequence} />
            </div>
          ) : (
            <TextEntry
              row={row}
              words={words}
              isUnfolded={unfolded.has(row.id)}
              isMarked={marked?.id === row.id}
              onToggle={() => toggle(row.id)}
              onCompare={() => compare(row)}
            />
          )
        }
      </VirtualList>
      {pair && <TextDiff before={pair[0]} after={pair[1]} onClose={() => setPair(null)} />}
    </>
  );
}

interface EntryProps {
  row: TextRow;
  words: string;
  isUnfolded: boolean;
  isMarked: boolean;
  onToggle: () => void;
  onCompare: () => void;
}

const FOLD = { lines: 8, characters: 900 };

const TextEntry = memo(function TextEntry({
  row,
  words,
  isUnfolded,
  isMarked,
  onToggle,
  onCompare,
}: EntryProps) {
  const { value } = row;
  const label = `step ${showNumber(row.step)}${row.length > 1 ? `, ${row.index + 1} of ${row.length}` : ""}`;
  if (isBroken(value)) {
    return (
      <div className={styles.row}>
        <span className={styles.step}>{label}</span>
        <Broken error={value.error} />
      </div>
    );
  }
  const isLong =
    value.text.length > FOLD.characters || value.text.split("\n", FOLD.lines + 1).length > FOLD.lines;
  const cut = value.length - value.text.length;
  return (
    <div className={styles.row} data-marked={isMarked}>
      <span className={styles.step}>{label}</span>
      <div className={styles.body}>
        <p className={styles.text} data-folded={isLong && !isUnfolded} dir="auto">
          {value.text === "" ? (
            <i>an empty text</i>
          ) : (
            pieces(value.text, words).map((piece, index) =>
              piece.isHit ? <mark key={index}>{piece.text}</mark> : piece.text,
            )
          )}
        </p>
        {isLong && (
          <button type="button" data-kind="quiet" onClick={onToggle} aria-expanded={isUnfolded}>
            {isUnfolded ? "Fold" : `All ${value.length.toLocaleString("en-US")} characters`}
          </button>
        )}
        {cut > 0 && (isUnfolded || !isLong) && (
          <p className={styles.cut}>{cut.toLocaleString("en-US")} more characters are not shown here.</p>
        )}
      </div>
      <span className={styles.tools}>
        <Copy text={value.text} label={`Copy the text of ${label}`} />
        <button
          type="button"
          data-kind="quiet"
          aria-pressed={isMarked}
          onClick={onCompare}
          aria-label={`Compare ${label} with another`}
          title="Compare with another"
        >
          <GitCompareArrows size={14} aria-hidden />
        </button>
      </span>
    </div>
  );
});
