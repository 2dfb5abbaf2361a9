// The parameters of a run as a tree that can be searched; each can be copied, and asked for.

import { ChevronDown, ChevronRight, Code, Copy as CopyIcon, Search } from "lucide-react";
import { type CSSProperties, useMemo, useState } from "react";
import { Link } from "wouter";
import { address } from "../../api/client";
import type { RunDetails, Tagged } from "../../api/types";
import { copyText } from "../../components/detail/clipboard";
import { VirtualList } from "../../components/VirtualList";
import { conditionOf, expressionOf } from "./expression";
import overview from "./Overview.module.css";
import styles from "./Parameters.module.css";
import { leafText, objectOf, openAtFirst, type Row, rowsOf } from "./tree";

export function Parameters({ run }: { run: RunDetails }) {
  const [words, setWords] = useState("");
  const [open, setOpen] = useState(() => openAtFirst(run.params));
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(new Set());
  const [said, setSaid] = useState("");
  const rows = useMemo(() => rowsOf(run.params, open, words), [run.params, open, words]);
  const toggle = (set: ReadonlySet<string>, id: string) => {
    const next = new Set(set);
    if (!next.delete(id)) next.add(id);
    return next;
  };
  const copy = async (text: string, what: string) =>
    setSaid((await copyText(text)) ? `Copied ${what}` : `Could not copy ${what}`);
  return (
    <>
      <div className={overview.head}>
        <h2>Parameters</h2>
        <span className={overview.quiet} role="status">
          {said}
        </span>
        <input
          type="search"
          value={words}
          onChange={(event) => setWords(event.target.value)}
          placeholder="Find a name or a value"
          aria-label="Find a parameter"
        />
      </div>
      {rows.length === 0 && (
        <p className={`${overview.body} ${overview.quiet}`}>
          {words ? (
            "No parameter has all these words."
          ) : (
            <>
              None were set.{" "}
              <code>
                run["hparams"] = {"{"}"lr": 0.01{"}"}
              </code>{" "}
              sets some.
            </>
          )}
        </p>
      )}
      <VirtualList
        items={rows}
        estimate={() => 31}
        keyOf={(row) => row.id}
        overscan={12}
        className={styles.scroll}
        isReached={false}
      >
        {(row) => (
          <ParameterRow
            row={row}
            isUnfolded={unfolded.has(row.id)}
            onToggle={() => setOpen(toggle(open, row.id))}
            onUnfold={() => setUnfolded(toggle(unfolded, row.id))}
            onCopy={copy}
          />
        )}
      </VirtualList>
    </>
  );
}

interface RowProps {
  row: Row;
  isUnfolded: boolean;
  onToggle: () => void;
  onUnfold: () => void;
  onCopy: (text: string, what: string) => void;
}

function ParameterRow({ row, isUnfolded, onToggle, onUnfold, onCopy }: RowProps) {
  const expression = expressionOf(row.path);
  const isBranch = row.entries !== null;
  const text = isBranch ? "" : leafText(row.value);
  const condition = isBranch ? null : conditionOf(row.path, row.value);
  return (
    <div className={styles.row} style={depth(row.depth)}>
      <div className={styles.key}>
        {isBranch ? (
          <button
            type="button"
            data-kind="quiet"
            onClick={onToggle}
            title={expression}
            aria-expanded={row.open}
          >
            {row.open ? <ChevronDown size={14} aria-hidden /> : <ChevronRight size={14} aria-hidden />}
            <bdi>{row.label}</bdi>
            <span className={styles.count}>{row.entries}</span>
          </button>
        ) : (
          <span className={styles.leaf} title={expression}>
            <bdi>{row.label}</bdi>
          </span>
        )}
      </div>
      <div className={styles.value} data-unfolded={isUnfolded}>
        {!isBranch && (
          <>
            <Picture value={row.value} />
            <button
              type="button"
              data-kind="quiet"
              className={styles.text}
              onClick={onUnfold}
              title={isUnfolded ? "Fold" : text.slice(0, 1000)}
            >
              <bdi data-type={typeof row.value}>
                {text === "" ? "“”" : isUnfolded ? text : text.slice(0, 400)}
              </bdi>
            </button>
          </>
        )}
      </div>
      <div className={styles.tools}>
        <button
          type="button"
          data-kind="quiet"
          onClick={() => onCopy(expression, "the expression")}
          aria-label={`Copy the expression ${expression}`}
          title={`Copy the expression: ${expression}`}
        >
          <Code size={14} aria-hidden />
        </button>
        <button
          type="button"
          data-kind="quiet"
          onClick={() => onCopy(copied(row.value), "the value")}
          aria-label={`Copy the value of ${expression}`}
          title="Copy the value"
        >
          <CopyIcon size={14} aria-hidden />
        </button>
        {condition !== null && condition.length < 4000 && (
          <Link
            href={`/runs?q=${encodeURIComponent(condition)}`}
            aria-label={`Runs with ${condition}`}
            title={`Runs with this value: ${condition}`}
          >
            <Search size={14} aria-hidden />
          </Link>
        )}
      </div>
    </div>
  );
}

function depth(levels: number): CSSProperties {
  return { ["--indent" as string]: `${Math.min(levels, 12) * 16}px` };
}

function copied(value: Tagged): string {
  if (typeof value === "string") return value;
  return value !== null && typeof value === "object" ? JSON.stringify(value, null, 2) : leafText(value);
}

/** The image that a parameter is, if it is one. */
function Picture({ value }: { value: Tagged }) {
  const object = objectOf(value);
  const [isBroken, setBroken] = useState(false);
  const blob = object?.state.blob;
  if (object?.type !== "image" || typeof blob !== "string") return null;
  if (isBroken) return <span className={styles.broken}>cannot be shown:</span>;
  return (
    <img
      className={styles.picture}
      src={address(`blobs/${encodeURIComponent(blob)}`)}
      alt=""
      loading="lazy"
      onError={() => setBroken(true)}
    />
  );
}
