import { type KeyboardEvent, type ReactNode, useId, useRef } from "react";
import styles from "./Tabs.module.css";

export interface Tab {
  id: string;
  title: string;
  /** A number behind the title; left out if undefined. */
  count?: number | undefined;
  /** Something is wrong in there. */
  alarm?: boolean | undefined;
}

/** Tabs and the panel of the chosen one. Arrow keys, Home and End walk along them. */
export function Tabs({
  tabs,
  value,
  onChange,
  label,
  children,
}: {
  tabs: Tab[];
  value: string;
  onChange: (id: string) => void;
  label: string;
  children: ReactNode;
}) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const walk = (event: KeyboardEvent) => {
    const at = tabs.findIndex((tab) => tab.id === value);
    const steps: { [key: string]: number } = {
      ArrowRight: (at + 1) % tabs.length,
      ArrowLeft: (at + tabs.length - 1) % tabs.length,
      Home: 0,
      End: tabs.length - 1,
    };
    const to = steps[event.key];
    const next = to === undefined ? undefined : tabs[to];
    if (next === undefined || to === undefined) return;
    event.preventDefault();
    onChange(next.id);
    list.current?.querySelectorAll("button")[to]?.focus();
  };
  return (
    <>
      <div
        className={styles.tabs}
        role="tablist"
        aria-label={label}
        ref={list}
        onKeyDown={walk}
        tabIndex={-1}
      >
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${id}-${tab.id}`}
            aria-selected={tab.id === value}
            aria-controls={`${id}-panel`}
            tabIndex={tab.id === value ? 0 : -1}
            onClick={() => onChange(tab.id)}
          >
            {tab.title}
            {tab.count !== undefined && (
              <span className={styles.count}>{tab.count.toLocaleString("en-US")}</span>
            )}
            {tab.alarm && <span className={styles.alarm} role="img" aria-label="has problems" />}
          </button>
        ))}
      </div>
      <div className={styles.panel} role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${value}`}>
        {children}
      </div>
    </>
  );
}
