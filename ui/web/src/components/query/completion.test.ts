import { expect, test } from "vitest";
import type { Kind, Names } from "../../api/types";
import { offersAt, openText } from "./completion";

const NAMES: Names = {
  params: ["run.hparams.lr", "run.opt", 'run["batch size"]'],
  metrics: [
    { name: "loss", context: { subset: "val" }, expression: 'run.metrics["loss", {"subset": "val"}]' },
    { name: "loss", context: { subset: "train" }, expression: 'run.metrics["loss", {"subset": "train"}]' },
    { name: "acc", context: {}, expression: 'run.metrics["acc"]' },
  ],
  sequences: {
    images: [{ name: "samples", context: {}, expression: 'run.images["samples"]' }],
    audios: [],
    texts: [],
    figures: [],
    distributions: [],
  },
  experiments: ["baseline", 'say "hi"'],
  tags: ["keep"],
};

/** The query as it would read after taking an offer; `|` is the cursor. */
function take(query: string, label: string, detail?: string, kind: Kind = "runs"): string {
  const [before = "", after = ""] = query.split("|");
  const found = offersAt(before, after, kind, NAMES, true);
  const option = found?.options.find((one) => one.label === label && (!detail || one.detail === detail));
  if (!found || !option) return `no offer of ${label}`;
  const { from, to } = found.replace ?? { from: found.from, to: before.length };
  const text = before + after;
  return text.slice(0, from) + (option.insert ?? option.label) + text.slice(to);
}

function labels(query: string, kind: Kind = "runs", explicit = false): string[] | null {
  const [before = "", after = ""] = query.split("|");
  return offersAt(before, after, kind, NAMES, explicit)?.options.map(({ label }) => label) ?? null;
}

test("a bare word finds parameters as expressions, functions and keywords", () => {
  expect(take("l|", "run.hparams.lr")).toBe("run.hparams.lr");
  expect(take("run.opt and l|", "len")).toBe("run.opt and len(");
  expect(labels("me|", "runs")).not.toContain("metric");
  expect(labels("me|", "metric")).toContain("metric");
});

test("a path is completed as a whole", () => {
  expect(take("run.hpa|", "run.hparams.lr")).toBe("run.hparams.lr");
  expect(take("(run.|", "run.creation_time")).toBe("(run.creation_time");
  expect(take("run.b|", 'run["batch size"]')).toBe('run["batch size"]');
  expect(take("metric.run.o|", "run.opt", undefined, "metric")).toBe("metric.run.opt");
});

test("sequences are offered with their contexts, with or without a quote, with or without a closing bracket", () => {
  const whole = 'run.metrics["loss", {"subset": "val"}]';
  expect(take("run.metrics[|", "loss", "subset=val")).toBe(whole);
  expect(take("run.metrics[|]", "loss", "subset=val")).toBe(whole);
  expect(take('run.metrics["lo|', "loss", "subset=val")).toBe(whole);
  expect(take('run.metrics["lo|"]', "loss", "subset=val")).toBe(whole);
  expect(take("run.metrics['lo|']", "loss", "subset=val")).toBe(whole);
  expect(take('run.metrics["|"].min < 1', "acc")).toBe('run.metrics["acc"].min < 1');
});

test("behind a sequence stand its summaries, behind a text its methods", () => {
  expect(take('run.metrics["loss", {"subset": "val"}].l|', "last")).toBe(
    'run.metrics["loss", {"subset": "val"}].last',
  );
  expect(take("run.opt.st|", "startswith")).toBe("run.opt.startswith(");
  expect(labels("run.created_at.|")).toContain("year");
  expect(labels("images.|", "images")).not.toContain("last");
});

test("names, contexts, experiments and tags are offered where they are compared", () => {
  expect(take('metric.name == "|', "loss", undefined, "metric")).toBe('metric.name == "loss"');
  expect(take('metric.name in ["acc", "|"]', "loss", undefined, "metric")).toBe(
    'metric.name in ["acc", "loss"]',
  );
  expect(take('images.name = "s|"', "samples", undefined, "images")).toBe('images.name = "samples"');
  expect(take("metric.context.|", "subset", undefined, "metric")).toBe("metric.context.subset");
  expect(take('metric.context.subset == "|', "val", undefined, "metric")).toBe(
    'metric.context.subset == "val"',
  );
  expect(take("run.experiment == |", 'say "hi"')).toBe('run.experiment == "say \\"hi\\""');
  expect(take("run.opt and '|'", "keep")).toBe('run.opt and "keep" in run.tags');
  expect(take('"|" in run.tags', "keep")).toBe('"keep" in run.tags');
});

test("nothing is offered in other texts, in comments, in numbers, and unasked where nothing was begun", () => {
  expect(labels('run.opt == "|')).toBeNull();
  expect(labels("run.opt # the |")).toBeNull();
  expect(labels("run.opt > 0.|")).toBeNull();
  expect(labels("run.opt and |")).toBeNull();
  expect(labels("run.opt and |", "runs", true)).toContain("run");
  expect(labels("foo.|")).toBeNull();
});

test("an open text is found past escapes, other quotes and comments", () => {
  expect(openText('"a\\"b')).toEqual({ at: 0, quote: '"' });
  expect(openText("'it' + \"x'")).toEqual({ at: 7, quote: '"' });
  expect(openText('# a "comment\nrun.x == "')).toEqual({ at: 22, quote: '"' });
  expect(openText('"closed"')).toBeNull();
});

test("the offers of a long list of names are put together once", () => {
  const names: Names = { ...NAMES, params: Array.from({ length: 10_000 }, (_, n) => `run.p${n}`) };
  const first = offersAt("run.", "", "runs", names, false)?.options;
  expect(first?.length).toBeGreaterThan(10_000);
  expect(offersAt("run.p", "", "runs", names, false)?.options).toBe(first);
});
