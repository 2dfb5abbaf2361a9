// What is compared where the reader has not chosen yet.

import type { NamedSequence, Names } from "../../api/types";

const OF_MACHINE = /^(__system__|system[./_])/;
const AXES = 4;

/** The summary that most will look for first: the last value of a metric, of a loss if there is one. */
export function firstResult(names: Names): string {
  const metrics = names.metrics.filter((metric) => !OF_MACHINE.test(metric.name));
  const merit = ({ name, context }: NamedSequence) =>
    Number(/loss/i.test(name)) * 2 + Number(/val|test|eval/i.test(JSON.stringify(context)));
  const best = metrics.reduce<NamedSequence | null>(
    (one, other) => (one === null || merit(other) > merit(one) ? other : one),
    null,
  );
  return best ? `${best.expression}.last` : "run.duration";
}

export function firstParameter(names: Names): string {
  return names.params[0] ?? "run.creation_time";
}

export function firstAxes(names: Names): string[] {
  return [
    ...(names.params.length > 0 ? names.params.slice(0, AXES) : ["run.creation_time"]),
    firstResult(names),
  ];
}
