import { useState } from "react";
import { Link } from "wouter";
import type { RunDetails } from "../../api/types";
import { showContext, showNumber, showValue } from "../../api/values";
import { shortValue } from "../../components/detail/short";
import { useCurve } from "./curves";
import { sequenceCondition } from "./expression";
import styles from "./MetricCard.module.css";
import { SmallChart } from "./SmallChart";
import { keyOf, type RunSequence, titleOf } from "./sequences";

/** A metric: its curve, and what it comes to. The heading leads to it on the Metrics page. */
export function MetricCard({
  run,
  sequence,
  names,
}: {
  run: RunDetails;
  sequence: RunSequence;
  names: readonly string[];
}) {
  const curve = useCurve(run.hash, names, keyOf(sequence));
  const [at, setAt] = useState<{ x: number; y: number } | null>(null);
  const context = showContext(sequence.context);
  const title = titleOf(sequence);
  const query = sequenceCondition(run.hash, "metric", sequence.name, sequence.context);
  const { summary } = sequence;
  return (
    <article className={styles.card}>
      <h2 className={styles.title} title={`${title} ${context}`}>
        <Link href={`/metrics?q=${encodeURIComponent(query)}`}>
          <bdi>{title}</bdi>
        </Link>
        {context && <bdi className={styles.context}>{context}</bdi>}
      </h2>
      <div className={styles.chart}>
        {curve.error ? (
          <p className={styles.error} role="alert" title={curve.error.message}>
            {curve.error.message}
          </p>
        ) : curve.data ? (
          <SmallChart curve={curve.data} onHover={setAt} />
        ) : (
          <p className={styles.quiet}>{curve.isLoading ? "" : "no points"}</p>
        )}
      </div>
      <dl className={styles.summary}>
        {at ? (
          <>
            <Fact name="step" value={showNumber(at.x)} />
            <Fact name="value" value={showNumber(at.y)} />
          </>
        ) : (
          <>
            <Fact name="last" value={shortValue(summary.last)} title={showValue(summary.last)} />
            <Fact name="min" value={shortValue(summary.min)} title={showValue(summary.min)} />
            <Fact name="max" value={shortValue(summary.max)} title={showValue(summary.max)} />
            <Fact name="points" value={showNumber(summary.count)} />
          </>
        )}
      </dl>
    </article>
  );
}

function Fact({ name, value, title = value }: { name: string; value: string; title?: string }) {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd>{value || "–"}</dd>
    </div>
  );
}
