// The queries asked before, to be asked again.

import { History } from "lucide-react";
import { useState } from "react";
import type { Kind } from "../../api/types";
import { Popover } from "../popover/Popover";
import styles from "../QueryBar.module.css";
import { forgetQueries, queriesAsked } from "./history";

export function HistoryMenu({ kind, choose }: { kind: Kind; choose: (query: string) => void }) {
  return (
    <Popover label="Queries asked before" button={<History size={16} aria-hidden />} quiet menu>
      {(close) => (
        <Asked
          kind={kind}
          choose={(query) => {
            close();
            choose(query);
          }}
        />
      )}
    </Popover>
  );
}

function Asked({ kind, choose }: { kind: Kind; choose: (query: string) => void }) {
  const [list, setList] = useState(() => queriesAsked(kind));
  if (list.length === 0)
    return <p className={styles.form}>Queries that you ask are kept here, in this browser.</p>;
  return (
    <>
      {list.map((query) => (
        <button key={query} type="button" role="menuitem" onClick={() => choose(query)} title={query}>
          <code className={styles.asked}>{query}</code>
        </button>
      ))}
      <button
        type="button"
        role="menuitem"
        className={styles.forget}
        onClick={() => {
          forgetQueries(kind);
          setList([]);
        }}
      >
        Forget them
      </button>
    </>
  );
}
