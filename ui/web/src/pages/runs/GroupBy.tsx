// By what the runs are grouped.

import { Group as GroupIcon, X } from "lucide-react";
import { useState } from "react";
import type { Names } from "../../api/types";
import { Popover } from "../../components/popover/Popover";
import { Expression } from "./Chooser";
import { columnOf, titleOf } from "./columns";
import styles from "./Runs.module.css";
import { find } from "./search";

interface GroupByProps {
  by: string | null;
  names: Names | undefined;
  setBy: (by: string | null) => void;
}

const COMMON = ["experiment", "status", "tags"] as const;
const MOST = 150;

export function GroupBy({ by, names, setBy }: GroupByProps) {
  return (
    <span className={styles.pair}>
      <Popover
        label={by === null ? "Group the runs" : `Grouped by ${titleOfOrder(by)}`}
        pressed={by !== null}
        button={
          <>
            <GroupIcon size={14} aria-hidden />
            <span className={styles.short}>{by === null ? "Group" : `Grouped by ${titleOfOrder(by)}`}</span>
          </>
        }
      >
        {(close) => (
          <Choice
            names={names}
            choose={(expression) => {
              close();
              setBy(expression);
            }}
          />
        )}
      </Popover>
      {by !== null && (
        <button type="button" onClick={() => setBy(null)} aria-label="No groups" title="No groups">
          <X size={14} aria-hidden />
        </button>
      )}
    </span>
  );
}

/** What an expression is called, by which runs are put in order: a column's name where it is that of one. */
export function titleOfOrder(expression: string): string {
  const known = ["status", "name", "experiment", "created", "duration", "tags"].map(columnOf);
  return known.find(({ order }) => order === expression)?.title.toLowerCase() ?? titleOf(expression);
}

function Choice({ names, choose }: { names: Names | undefined; choose: (expression: string) => void }) {
  const [search, setSearch] = useState("");
  const common = find(COMMON.map(columnOf), ({ title }) => title, search, MOST);
  const params = find(names?.params ?? [], (one) => one, search, MOST);
  return (
    <div className={styles.single}>
      <Expression
        add={choose}
        label="Any expression, such as run.created_at.strftime(&quot;%Y-%m-%d&quot;)"
        button="Group"
      />
      <input
        type="search"
        value={search}
        placeholder="Find a name"
        aria-label="Find a name"
        onChange={(event) => setSearch(event.target.value)}
        data-first
      />
      <div className={styles.options}>
        {common.shown.map(({ id, title, order }) => (
          <button key={id} type="button" data-kind="quiet" onClick={() => choose(order)}>
            {title}
          </button>
        ))}
        {params.shown.map((expression) => (
          <button
            key={expression}
            type="button"
            data-kind="quiet"
            title={expression}
            onClick={() => choose(expression)}
          >
            <span className={styles.short}>{titleOf(expression)}</span>
          </button>
        ))}
        {params.more > 0 && (
          <p className={styles.small}>and {params.more.toLocaleString("en-US")} more: find them by name</p>
        )}
      </div>
    </div>
  );
}
