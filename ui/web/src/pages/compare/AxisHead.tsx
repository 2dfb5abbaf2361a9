// The name of an axis: dragged to another place, and opened for all that an axis can do.

import { ArrowLeft, ArrowRight, Trash2 } from "lucide-react";
import { type PointerEvent, useEffect, useRef, useState } from "react";
import { shortExpression } from "../../components/picker/expressions";
import type { Axis } from "./axis";
import type { Brush } from "./brush";
import styles from "./Compare.module.css";

interface AxisHeadProps {
  axis: Axis;
  /** Whether a logarithmic scale is wished for; categories have none. */
  log: boolean;
  left: number;
  width: number;
  /** How wide all axes are together. */
  inner: number;
  brush: Brush | null;
  isOpen: boolean;
  onOpen: (isOpen: boolean) => void;
  onBrush: (brush: Brush | null) => void;
  onLog: (log: boolean) => void;
  onDrop: (left: number) => void;
  onMove: (by: 1 | -1) => void;
  onRemove: () => void;
}

export function AxisHead(props: AxisHeadProps) {
  const { axis, left, width, inner, isOpen, onOpen, onDrop } = props;
  const [shift, setShift] = useState<number | null>(null);
  const start = useRef<number | null>(null);
  const wasDragged = useRef(false);
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    const outside = (event: Event) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) onOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [isOpen, onOpen]);
  const down = (event: PointerEvent) => {
    wasDragged.current = false;
    if (event.button === 0) start.current = event.clientX;
  };
  const move = (event: PointerEvent) => {
    if (start.current === null) return;
    const by = event.clientX - start.current;
    if (shift === null && Math.abs(by) < 6) return;
    if (shift === null) event.currentTarget.setPointerCapture(event.pointerId);
    setShift(by);
  };
  const up = () => {
    start.current = null;
    if (shift === null) return;
    wasDragged.current = true;
    setShift(null);
    onDrop(left + shift);
  };
  const name = shortExpression(axis.expression);
  return (
    <div ref={root}>
      <div
        className={styles.axisHead}
        style={{ left: left + (shift ?? 0), width: Math.min(width, 2 * Math.min(left, inner - left) - 4) }}
        data-dragged={shift !== null || undefined}
      >
        <button
          type="button"
          aria-expanded={isOpen}
          aria-label={`Axis ${name}`}
          title={`${axis.expression}\nDrag to another place, click for more`}
          onPointerDown={down}
          onPointerMove={move}
          onPointerUp={up}
          onPointerCancel={up}
          onClick={() => {
            // the click that ends a drag opens nothing
            if (!wasDragged.current) onOpen(!isOpen);
            wasDragged.current = false;
          }}
        >
          <span>{name}</span>
          {axis.log && <small>log</small>}
        </button>
      </div>
      {isOpen && (
        <Menu {...props} name={name} left={Math.min(Math.max(left - 125, 4), Math.max(inner - 256, 4))} />
      )}
    </div>
  );
}

function Menu({
  axis,
  log,
  name,
  left,
  brush,
  onOpen,
  onBrush,
  onLog,
  onMove,
  onRemove,
}: AxisHeadProps & { name: string }) {
  const { expression, range } = axis;
  const names = brush?.names ?? [];
  const choices = [
    ...axis.categories.map(({ key, label, count }) => ({ key, label, count })),
    ...axis.slots.map(({ name: key, count }) => ({ key, label: key, count })),
  ];
  const toggle = (key: string) => {
    const next = names.includes(key) ? names.filter((one) => one !== key) : [...names, key];
    const kept = brush?.range ?? null;
    onBrush(next.length === 0 && kept === null ? null : { expression, range: kept, names: next });
  };
  const bound = (side: "low" | "high", text: string) => {
    const number = Number(text);
    if (text.trim() === "" || !Number.isFinite(number) || range === null) return;
    const next = { ...(brush?.range ?? range), [side]: number };
    if (next.low <= next.high) onBrush({ expression, range: next, names });
  };
  const shown = brush?.range ?? null;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes, wherever in it the focus is
    <div
      className={styles.menu}
      style={{ left }}
      onKeyDown={(event) => event.key === "Escape" && onOpen(false)}
    >
      <h2>{name}</h2>
      <div className={styles.row}>
        <button type="button" onClick={() => onMove(-1)} aria-label="Move to the left">
          <ArrowLeft size={14} aria-hidden />
        </button>
        <button type="button" onClick={() => onMove(1)} aria-label="Move to the right">
          <ArrowRight size={14} aria-hidden />
        </button>
        {range !== null && (
          <button type="button" aria-pressed={log} onClick={() => onLog(!log)}>
            Log scale
          </button>
        )}
        <button type="button" onClick={onRemove} aria-label="Remove the axis">
          <Trash2 size={14} aria-hidden />
        </button>
      </div>
      {range !== null && (
        <div className={styles.row}>
          {(["low", "high"] as const).map((side) => (
            <label key={`${side} ${shown?.[side] ?? ""}`}>
              {side === "low" ? "from" : "to"}
              <input
                type="number"
                step="any"
                defaultValue={shown ? Number(shown[side].toPrecision(6)) : undefined}
                onBlur={(event) => bound(side, event.target.value)}
                onKeyDown={(event) => event.key === "Enter" && bound(side, event.currentTarget.value)}
              />
            </label>
          ))}
        </div>
      )}
      {choices.length > 0 && choices.length <= 200 && (
        <fieldset>
          {choices.map(({ key, label, count }) => (
            <label key={key}>
              <input type="checkbox" checked={names.includes(key)} onChange={() => toggle(key)} />
              {label} ({count.toLocaleString("en-US")})
            </label>
          ))}
        </fieldset>
      )}
      <button type="button" disabled={brush === null} onClick={() => onBrush(null)}>
        All of this axis
      </button>
    </div>
  );
}
