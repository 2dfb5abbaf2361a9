// What the run recorded of where it ran: git, the command line, packages, the environment.

import { useState } from "react";
import type { Tagged } from "../../api/types";
import { showValue } from "../../api/values";
import { Copy } from "../../components/detail/Copy";
import styles from "./Overview.module.css";
import { leafText } from "./tree";

type Tree = { [key: string]: Tagged };

function treeOf(value: Tagged | undefined): Tree {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
}

const SHOWN = new Set(["git_info", "packages", "env_variables", "executable", "arguments"]);

export function Machine({ system }: { system: Tree }) {
  const git = treeOf(system.git_info);
  const commit = treeOf(git.commit);
  const others = Object.entries(system).filter(([key]) => !SHOWN.has(key));
  const args = Array.isArray(system.arguments) ? system.arguments.map(showValue) : [];
  const command = [showValue(system.executable), ...args].filter(Boolean).map(quoted).join(" ");
  return (
    <>
      <div className={styles.head}>
        <h2>Where it ran</h2>
      </div>
      <div className={styles.body}>
        {Object.keys(system).length === 0 && (
          <p className={styles.quiet}>
            Nothing was recorded. <code>Run(log_system_params=True)</code> keeps packages, git and the command
            line.
          </p>
        )}
        <dl className={styles.facts}>
          {git.branch !== undefined && <Fact name="Branch" value={showValue(git.branch)} />}
          {commit.hash !== undefined && <Fact name="Commit" value={showValue(commit.hash)} copies mono />}
          {commit.author !== undefined && (
            <Fact name="By" value={`${showValue(commit.author)}, ${showValue(commit.timestamp)}`} />
          )}
          {git.remote_origin_url !== undefined && (
            <Fact name="Remote" value={showValue(git.remote_origin_url)} mono />
          )}
          {command && <Fact name="Command" value={command} copies mono />}
          {others.map(([key, value]) => (
            <Fact key={key} name={key} value={leafText(value)} />
          ))}
        </dl>
        <Listing title="Packages" entries={treeOf(system.packages)} />
        <Listing title="Environment" entries={treeOf(system.env_variables)} />
      </div>
    </>
  );
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function Fact({
  name,
  value,
  copies,
  mono,
}: {
  name: string;
  value: string;
  copies?: boolean;
  mono?: boolean;
}) {
  return (
    <>
      <dt>{name}</dt>
      <dd>
        {mono ? <code>{value}</code> : value}
        {copies && <Copy text={value} label={`Copy: ${name}`} />}
      </dd>
    </>
  );
}

function Listing({ title, entries }: { title: string; entries: Tree }) {
  const [words, setWords] = useState("");
  const all = Object.entries(entries).map(([key, value]) => [key, showValue(value)] as const);
  if (!all.length) return null;
  const wanted = words.toLowerCase();
  const shown = all.filter(([key, value]) => `${key} ${value}`.toLowerCase().includes(wanted));
  return (
    <details className={styles.details}>
      <summary>
        {title} <span className={styles.quiet}>{all.length}</span>
      </summary>
      <input
        type="search"
        value={words}
        onChange={(event) => setWords(event.target.value)}
        placeholder="Find"
        aria-label={`Find in: ${title}`}
      />
      <div className={styles.list}>
        <table>
          <tbody>
            {shown.map(([key, value]) => (
              <tr key={key}>
                <td>{key}</td>
                <td>{value}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
