// What the script printed: followed to its end unless one scrolls up, and searched.

import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDownToLine, ChevronDown, ChevronUp, Download, WrapText } from "lucide-react";
import {
  type KeyboardEvent,
  useDeferredValue,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import type { RunDetails } from "../../api/types";
import { Copy } from "../../components/detail/Copy";
import { saveText } from "../../components/detail/clipboard";
import { Empty, Failure, Loading } from "../../components/States";
import { stripped, stylesOf } from "./ansi";
import { find, type Hit, type Lines } from "./lines";
import styles from "./Terminal.module.css";
import { TerminalLine } from "./TerminalLine";
import { useTerminal } from "./terminal";

/** How many lines are searched before one is asked. */
const AT_ONCE = 100_000;

export function Terminal({ run }: { run: RunDetails }) {
  const { have, isLoading, error, loadEarlier, loadBack, loadAll } = useTerminal(run.hash);
  const [most, setMost] = useState(AT_ONCE); // lines that are searched
  const [words, setWords] = useState("");
  const [at, setAt] = useState(-1); // of the hit that is shown; none yet
  const [wraps, setWraps] = useState(true);
  const [follows, setFollows] = useState(true);
  const lines = have.lines;
  const begins = useMemo(() => stylesOf(lines), [lines]);
  const wanted = useDeferredValue(words);
  const texts = useMemo(() => (wanted ? lines.map(({ text }) => stripped(text)) : []), [lines, wanted]);
  const hits = useMemo(() => find(texts, wanted), [texts, wanted]);
  const byLine = useMemo(() => grouped(hits), [hits]);
  const current = Math.min(at, hits.length - 1);

  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => 19,
    overscan: 30,
  });
  // lines that come above push what is read down by as much as they are high
  const first = useRef<number | undefined>(undefined);
  const count = useRef(0);
  useLayoutEffect(() => {
    const added = lines.length - count.current;
    const wasPrepended =
      first.current !== undefined && lines[0] !== undefined && lines[0].step < first.current;
    first.current = lines[0]?.step;
    count.current = lines.length;
    if (follows && lines.length) virtual.scrollToIndex(lines.length - 1, { align: "end" });
    else if (wasPrepended && scroll.current) scroll.current.scrollTop += added * 19;
  }, [lines, follows, virtual]);

  // searched is what was printed, and not what happens to be loaded: the last lines first, and so many before one is asked
  useEffect(() => {
    if (!wanted) return;
    let isOn = true;
    void loadBack(({ lines: found }) => isOn && found.length < most);
    return () => {
      isOn = false;
    };
  }, [wanted, most, loadBack]);
  const show = (index: number) => {
    const hit = hits[index];
    if (hit === undefined) return;
    setFollows(false);
    setAt(index);
    virtual.scrollToIndex(hit.line, { align: "center" });
  };
  const step = (by: number) => {
    if (hits.length)
      show(current < 0 && by < 0 ? hits.length - 1 : (current + by + hits.length) % hits.length);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    step(event.shiftKey ? -1 : 1);
  };
  const onScroll = () => {
    const element = scroll.current;
    if (element === null) return;
    setFollows(element.scrollHeight - element.scrollTop - element.clientHeight < 24);
    if (element.scrollTop < 400 && !isLoading && !have.fromStart && !error) void loadEarlier();
  };
  const digits = Math.max(String(lines.at(-1)?.step ?? 0).length, 4);
  const allText = async () => (await loadAll()).map(({ text }) => stripped(text)).join("\n");

  if (lines.length === 0 && error !== null) return <Failure error={error} />;
  if (lines.length === 0 && isLoading) return <Loading what="what was printed" />;
  if (lines.length === 0)
    return (
      <Empty title="Nothing was printed">
        <p>
          What a script prints is kept as long as its run is open, unless it says{" "}
          <code>Run(capture_terminal_logs=False)</code>.
        </p>
      </Empty>
    );
  return (
    <section className={styles.terminal} aria-label="Terminal">
      <div className={styles.tools}>
        <input
          type="search"
          value={words}
          onChange={(event) => {
            setWords(event.target.value);
            setAt(-1);
          }}
          onKeyDown={onKeyDown}
          placeholder="Find (Enter: next)"
          aria-label="Find in what was printed"
        />
        <button
          type="button"
          onClick={() => step(-1)}
          disabled={!hits.length}
          aria-label="Previous"
          title="Previous"
        >
          <ChevronUp size={14} aria-hidden />
        </button>
        <button type="button" onClick={() => step(1)} disabled={!hits.length} aria-label="Next" title="Next">
          <ChevronDown size={14} aria-hidden />
        </button>
        <span className={styles.said} role="status">
          {wanted
            ? foundIn(have, hits.length, current)
            : `${have.total.toLocaleString("en-US")} ${have.total === 1 ? "line" : "lines"}`}
        </span>
        {wanted && !have.fromStart && (
          <button
            type="button"
            onClick={() => setMost(lines.length < most ? 0 : lines.length + AT_ONCE)}
            title={lines.length < most ? "Search no further" : "Search the lines before as well"}
          >
            {lines.length < most ? "Stop" : "Search on"}
          </button>
        )}
        <span className={styles.spring} />
        <button
          type="button"
          data-kind="quiet"
          aria-pressed={wraps}
          onClick={() => setWraps(!wraps)}
          title="Break long lines"
          aria-label="Break long lines"
        >
          <WrapText size={14} aria-hidden />
        </button>
        <Copy text={allText} label="Copy all that was printed" />
        <button
          type="button"
          data-kind="quiet"
          onClick={async () => saveText(`${await allText()}\n`, `${run.hash}.log`)}
          title="Download all that was printed"
          aria-label="Download all that was printed"
        >
          <Download size={14} aria-hidden />
        </button>
      </div>
      {error !== null && <Failure error={error} />}
      <div
        className={styles.screen}
        ref={scroll}
        onScroll={onScroll}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
        tabIndex={0}
        role="log"
        data-wraps={wraps}
      >
        <div className={styles.space} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => (
            <div
              key={item.key}
              ref={virtual.measureElement}
              data-index={item.index}
              className={styles.line}
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <span
                className={styles.number}
                style={{ width: `${digits + 2.5}ch` }}
                data-number={lines[item.index]?.step}
              />
              <TerminalLine
                text={lines[item.index]?.text ?? ""}
                begin={begins[item.index]}
                hits={byLine.get(item.index)}
                current={hits[current]}
              />
            </div>
          ))}
        </div>
      </div>
      {!follows && (
        <button type="button" className={styles.follow} onClick={() => setFollows(true)}>
          <ArrowDownToLine size={14} aria-hidden />
          {run.status === "running" ? "Follow" : "To the end"}
        </button>
      )}
    </section>
  );
}

/** What was found, and in which lines if not in all. */
function foundIn({ lines, total, fromStart }: Lines, count: number, current: number): string {
  const number = (value: number) => value.toLocaleString("en-US");
  const found = count
    ? `${current < 0 ? "" : `${number(current + 1)} of `}${number(count)} found`
    : "not found";
  return fromStart ? found : `${found} in the last ${number(lines.length)} of ${number(total)} lines`;
}

function grouped(hits: Hit[]): Map<number, Hit[]> {
  const byLine = new Map<number, Hit[]>();
  for (const hit of hits) {
    const there = byLine.get(hit.line);
    if (there) there.push(hit);
    else byLine.set(hit.line, [hit]);
  }
  return byLine;
}
