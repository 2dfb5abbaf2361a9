// What is known of the run under the cursor. Also said to those who hear the page.

import { useLayoutEffect, useRef } from "react";
import styles from "./Compare.module.css";
import type { Room } from "./useCanvas";

interface HoverProps {
  left: number;
  top: number;
  room: Room;
  colour: string;
  title: string;
  rows: readonly [string, string][];
}

export function Hover({ left, top, room, colour, title, rows }: HoverProps) {
  const card = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = card.current;
    if (element === null) return;
    const { offsetWidth, offsetHeight } = element;
    const x = left + 14 + offsetWidth <= room.width ? left + 14 : left - 14 - offsetWidth;
    const y = Math.min(Math.max(top - offsetHeight / 2, 4), Math.max(room.height - offsetHeight - 4, 4));
    element.style.transform = `translate(${Math.round(Math.max(x, 0))}px, ${Math.round(y)}px)`;
  });
  return (
    <>
      <span className={styles.ring} style={{ left, top, borderColor: colour }} />
      <div className={styles.hover} ref={card} role="status">
        <strong>
          <i style={{ background: colour }} />
          <span>{title}</span>
        </strong>
        <dl>
          {rows.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </div>
    </>
  );
}
