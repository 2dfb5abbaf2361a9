// A list of any length, of which only what is near the screen is in the page.

import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useRef } from "react";
import styles from "./VirtualList.module.css";

interface VirtualListProps<Item> {
  items: readonly Item[];
  /** How high an item is, in pixels, before it has been measured. */
  estimate: (item: Item | undefined) => number;
  /** What tells an item from all others; without it, its place does. */
  keyOf?: (item: Item) => string | number;
  /** How many items beyond the edges are drawn. */
  overscan: number;
  /** The class of what scrolls. */
  className: string | undefined;
  /** The class of an item's place, if it is to be laid out in another way than a block. */
  placeClassName?: string | undefined;
  /** Whether the list itself is reached by the keyboard: it has to be unless there is something to reach in it. */
  isReached?: boolean;
  children: (item: Item) => ReactNode;
}

export function VirtualList<Item>({
  items,
  estimate,
  keyOf,
  overscan,
  className,
  placeClassName = styles.place,
  isReached = true,
  children,
}: VirtualListProps<Item>) {
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroll.current,
    estimateSize: (index) => estimate(items[index]),
    getItemKey: (index) => {
      const item = items[index];
      return item === undefined || keyOf === undefined ? index : keyOf(item);
    },
    overscan,
  });
  return (
    <div className={className} ref={scroll} tabIndex={isReached ? 0 : undefined}>
      <div className={styles.space} style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ key, index, start }) => {
          const item = items[index];
          return (
            item !== undefined && (
              <div
                key={key}
                ref={virtual.measureElement}
                data-index={index}
                className={placeClassName}
                style={{ transform: `translateY(${start}px)` }}
              >
                {children(item)}
              </div>
            )
          );
        })}
      </div>
    </div>
  );
}
