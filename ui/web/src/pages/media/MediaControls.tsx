import { type ReactNode, useEffect, useState } from "react";
import { useAddress } from "../../address";
import type { MediaKind, MediaReply } from "../../api/types";
import styles from "./MediaView.module.css";
import { DENSITIES, type MediaRequest, PAGE } from "./request";

/** Which steps are shown and how many of them, and how many sequences. What differs by kind stands in the view. */
export function MediaControls({
  reply,
  request,
  children,
}: {
  reply: MediaReply<MediaKind>;
  request: MediaRequest;
  children?: ReactNode;
}) {
  const [, change] = useAddress();
  const densities = [...new Set([...DENSITIES, request.density])].sort((a, b) => a - b);
  const isThinned = reply.sequences.some(({ points, count }) => points.length < count);
  const more = reply.total - reply.sequences.length;
  return (
    <div className={styles.controls}>
      <span className={styles.range}>
        Steps
        <Bound name="low" label="Lowest step" value={request.low} />
        to
        <Bound name="high" label="Highest step" value={request.high} />
      </span>
      <label title="Of each sequence, evenly chosen, the first and the last among them">
        at most
        <select
          value={request.density}
          onChange={(event) => change({ density: event.target.value === "50" ? null : event.target.value })}
        >
          {densities.map((density) => (
            <option key={density}>{density}</option>
          ))}
        </select>
        steps each
      </label>
      <span className={styles.said} role="status">
        {isThinned ? "Some steps are left out." : "Every step is here."}
      </span>
      <span className={styles.spring} />
      {children}
      {more > 0 && (
        <button type="button" onClick={() => change({ sequences: String(request.limit + PAGE) })}>
          Show {Math.min(more, PAGE)} more of {more.toLocaleString("en-US")}
        </button>
      )}
    </div>
  );
}

function Bound({ name, label, value }: { name: "low" | "high"; label: string; value: string }) {
  const [, change] = useAddress();
  const [draft, setDraft] = useState(value);
  useEffect(() => setDraft(value), [value]);
  const submit = () => {
    if (draft !== value) change({ [name]: draft });
  };
  return (
    <input
      type="number"
      value={draft}
      aria-label={label}
      placeholder={name === "low" ? "first" : "last"}
      onChange={(event) => setDraft(event.target.value)}
      onBlur={submit}
      onKeyDown={(event) => {
        if (event.key === "Enter") submit();
      }}
    />
  );
}
