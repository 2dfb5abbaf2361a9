// What differs between two texts, line by line: the shortest way from one to the other (Myers), or, where that would
// take too long, everything between the common beginning and the common end.

export interface DiffLine {
  kind: "same" | "removed" | "added";
  text: string;
}

const MOST_CHANGES = 1500;

export function diffLines(before: string, after: string): DiffLine[] {
  const [a, b] = [before.split("\n"), after.split("\n")];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end])
    end += 1;
  return [
    ...marked("same", a.slice(0, start)),
    ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...marked("same", a.slice(a.length - end)),
  ];
}

function marked(kind: DiffLine["kind"], lines: string[]): DiffLine[] {
  return lines.map((text) => ({ kind, text }));
}

function middle(a: string[], b: string[]): DiffLine[] {
  if (!a.length || !b.length) return [...marked("removed", a), ...marked("added", b)];
  const trace = explored(a, b);
  return trace === null ? [...marked("removed", a), ...marked("added", b)] : walkedBack(a, b, trace);
}

/** For each number of changes, how far along `a` each diagonal has come; null if there are too many. */
function explored(a: string[], b: string[]): Map<number, number>[] | null {
  const trace: Map<number, number>[] = [];
  let reach = new Map([[1, 0]]);
  for (let changes = 0; changes <= Math.min(a.length + b.length, MOST_CHANGES); changes += 1) {
    trace.push(reach);
    const next = new Map<number, number>();
    for (let diagonal = -changes; diagonal <= changes; diagonal += 2) {
      let x = isDown(reach, diagonal, changes)
        ? (reach.get(diagonal + 1) ?? 0)
        : (reach.get(diagonal - 1) ?? 0) + 1;
      while (x < a.length && x - diagonal < b.length && a[x] === b[x - diagonal]) x += 1;
      next.set(diagonal, x);
      if (x >= a.length && x - diagonal >= b.length) return trace;
    }
    reach = next;
  }
  return null;
}

function isDown(reach: Map<number, number>, diagonal: number, changes: number): boolean {
  if (diagonal === -changes) return true;
  return diagonal !== changes && (reach.get(diagonal - 1) ?? 0) < (reach.get(diagonal + 1) ?? 0);
}

function walkedBack(a: string[], b: string[], trace: Map<number, number>[]): DiffLine[] {
  const lines: DiffLine[] = [];
  let [x, y] = [a.length, b.length];
  for (let changes = trace.length - 1; changes >= 0; changes -= 1) {
    const reach = trace[changes] as Map<number, number>;
    const diagonal = x - y;
    const from = isDown(reach, diagonal, changes) ? diagonal + 1 : diagonal - 1;
    const beforeX = changes === 0 ? 0 : (reach.get(from) ?? 0);
    const beforeY = changes === 0 ? 0 : beforeX - from;
    while (x > beforeX && y > beforeY) {
      x -= 1;
      y -= 1;
      lines.push({ kind: "same", text: a[x] as string });
    }
    if (changes === 0) break;
    if (x === beforeX) {
      y -= 1;
      lines.push({ kind: "added", text: b[y] as string });
    } else {
      x -= 1;
      lines.push({ kind: "removed", text: a[x] as string });
    }
  }
  return lines.reverse();
}

export interface Fold {
  kind: "fold";
  lines: DiffLine[];
}

/** Long stretches that are the same, folded but for a few lines around each change. */
export function folded(lines: DiffLine[], around = 3): (DiffLine | Fold)[] {
  const near = lines.map(() => false);
  lines.forEach((line, at) => {
    if (line.kind === "same") return;
    for (let k = Math.max(at - around, 0); k <= Math.min(at + around, lines.length - 1); k += 1)
      near[k] = true;
  });
  const shown: (DiffLine | Fold)[] = [];
  lines.forEach((line, at) => {
    const last = shown.at(-1);
    if (near[at]) shown.push(line);
    else if (last?.kind === "fold") last.lines.push(line);
    else shown.push({ kind: "fold", lines: [line] });
  });
  // a fold of a line or two hides less than it costs
  return shown.flatMap((item) => (item.kind === "fold" && item.lines.length < 3 ? item.lines : [item]));
}
