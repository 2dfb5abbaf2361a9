import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { begin, drop, finish } from "./turns";

let frames: (() => void)[] = [];

beforeEach(() => {
  frames = [];
  vi.stubGlobal("requestAnimationFrame", (frame: () => void) => frames.push(frame));
});
afterEach(() => {
  while (frames.length > 0) nextFrame();
  vi.unstubAllGlobals();
});

function nextFrame(): void {
  for (const frame of frames.splice(0)) frame();
}

/** Work of parts each of which takes longer than a frame may. */
function* long(parts: number, done: string[], name: string): Generator<void> {
  for (let part = 0; part < parts; part += 1) {
    const began = performance.now();
    while (performance.now() - began < 15);
    done.push(`${name}${part}`);
    yield;
  }
}

test("little work is done at once, and what takes long in the frames to come", () => {
  const done: string[] = [];
  begin([1, 2, 3].map((part) => done.push(`little${part}`)).values());
  expect(done).toEqual(["little1", "little2", "little3"]);
  nextFrame();
  begin(long(3, done, "a"));
  expect(done.slice(3)).toEqual(["a0"]);
  begin(long(1, done, "b"));
  expect(done.slice(3)).toEqual(["a0"]);
  nextFrame();
  expect(done.slice(3)).toEqual(["a0", "a1"]);
  nextFrame();
  nextFrame();
  expect(done.slice(3)).toEqual(["a0", "a1", "a2", "b0"]);
});

test("work can be finished in one go, or be left as it is", () => {
  const done: string[] = [];
  const [one, other] = [long(3, done, "a"), long(3, done, "b")];
  begin(one);
  begin(other);
  drop(other);
  finish(one);
  expect(done).toEqual(["a0", "a1", "a2"]);
  while (frames.length > 0) nextFrame();
  expect(done).toEqual(["a0", "a1", "a2"]);
});
