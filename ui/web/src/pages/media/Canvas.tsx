import { type PointerEvent, useEffect, useRef, useState } from "react";
import { useTheme } from "../../theme";
import styles from "./Distributions.module.css";
import { type Box, begun, boxOf, type Colours, coloursOf } from "./paint";

export type Paint = (context: CanvasRenderingContext2D, box: Box, colours: Colours) => void;

/** A canvas that is painted anew when its size, the theme or what it shows changes. */
export function Canvas({
  paint,
  label,
  onPoint,
}: {
  paint: Paint;
  label: string;
  /** Where the pointer is inside of the picture, in shares of its width and height (from below); null outside. */
  onPoint: (at: { x: number; y: number } | null) => void;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  const [size, setSize] = useState("");
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setSize(`${element.clientWidth} ${element.clientHeight}`));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: theme and size are what the painting depends on
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    const colours = coloursOf(element);
    const context = begun(element, colours);
    if (context !== null) paint(context, boxOf(element), colours);
  }, [paint, theme, size]);
  const move = (event: PointerEvent<HTMLCanvasElement>) => {
    const element = event.currentTarget;
    const place = element.getBoundingClientRect();
    const box = boxOf(element);
    const x = (event.clientX - place.left - box.left) / box.width;
    const y = 1 - (event.clientY - place.top - box.top) / box.height;
    onPoint(x >= 0 && x < 1 && y >= 0 && y <= 1 ? { x, y } : null);
  };
  return (
    <canvas
      ref={canvas}
      className={styles.canvas}
      role="img"
      aria-label={label}
      onPointerMove={move}
      onPointerLeave={() => onPoint(null)}
    />
  );
}
