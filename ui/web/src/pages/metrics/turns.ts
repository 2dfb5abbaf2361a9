// Work that would hold up the page is done in turns: some in each frame, so that it answers in between.

/** A piece of work: each call of `next` does a part of it. */
export type Work = Iterator<unknown>;

/** Milliseconds of a frame: what is left of it is for the browser, and for the reader. */
const BUDGET = 12;

let waiting: Work[] = [];
let isAwaited = false;
let spent = 0;

/** Begin some work now, and go on with it in the frames to come, behind what waits already. */
export function begin(work: Work): void {
  waiting.push(work);
  go();
}

/** Do all that is left of some work now. */
export function finish(work: Work): void {
  drop(work);
  while (!work.next().done);
}

/** Leave some work as it is. */
export function drop(work: Work): void {
  waiting = waiting.filter((one) => one !== work);
}

function go(): void {
  const began = performance.now();
  while (waiting.length > 0 && spent + performance.now() - began < BUDGET) {
    const [first] = waiting;
    if (first?.next().done) drop(first);
  }
  spent += performance.now() - began;
  if (isAwaited) return;
  isAwaited = true;
  requestAnimationFrame(() => {
    isAwaited = false;
    spent = 0;
    if (waiting.length > 0) go();
  });
}
