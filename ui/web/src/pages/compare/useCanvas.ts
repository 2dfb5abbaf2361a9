// A canvas that fills its room, in the pixels of the screen.

import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";

export interface Room {
  width: number;
  height: number;
}

/** How large an element is. */
export function useRoom(element: RefObject<HTMLElement | null>): Room {
  const [room, setRoom] = useState<Room>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const watched = element.current;
    if (watched === null) return;
    const measure = () => setRoom({ width: watched.clientWidth, height: watched.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(watched);
    return () => observer.disconnect();
  }, [element]);
  return room;
}

/** Draws when what is drawn, or the room, has changed: `draw` must be the same while they are. */
export function useDrawn(
  room: Room,
  draw: (context: CanvasRenderingContext2D) => void,
): RefObject<HTMLCanvasElement | null> {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context || room.width === 0) return;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(room.width * ratio), Math.round(room.height * ratio)];
    if (element.width !== width) element.width = width;
    if (element.height !== height) element.height = height;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, room.width, room.height);
    draw(context);
  }, [room, draw]);
  return canvas;
}

/** The colours and the letters of the page, for a canvas. */
export function ink(): {
  text: string;
  quiet: string;
  line: string;
  ground: string;
  accent: string;
  font: string;
} {
  const css = getComputedStyle(document.documentElement);
  const of = (name: string) => css.getPropertyValue(name);
  return {
    text: of("--ink"),
    quiet: of("--ink-2"),
    line: of("--line"),
    ground: of("--surface"),
    accent: of("--accent"),
    font: `11px ${of("--sans")}`,
  };
}
