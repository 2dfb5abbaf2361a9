// A button and what it opens: a small panel above everything else, which Escape or a press elsewhere closes.

import {
  type CSSProperties,
  type KeyboardEvent,
  type ReactNode,
  useCallback,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import styles from "./Popover.module.css";

export interface PopoverProps {
  /** What the button says to those who don't see it; also its title. */
  label: string;
  button: ReactNode;
  /** What the panel holds; gets a function that closes it. Made when it opens. */
  children: (close: () => void) => ReactNode;
  /** Whether the panel is a menu: a list of commands through which arrow keys move. */
  menu?: boolean;
  quiet?: boolean;
  pressed?: boolean;
  disabled?: boolean;
  tabIndex?: number;
  className?: string | undefined;
}

const GAP = 4;
const MARGIN = 8;

function placed(button: DOMRect, panel: DOMRect): CSSProperties {
  const width = Math.min(panel.width, window.innerWidth - 2 * MARGIN);
  const left = Math.max(MARGIN, Math.min(button.left, window.innerWidth - width - MARGIN));
  const below = window.innerHeight - button.bottom - GAP - MARGIN;
  const above = button.top - GAP - MARGIN;
  if (panel.height <= below || below >= above) return { left, top: button.bottom + GAP, maxHeight: below };
  return { left, bottom: window.innerHeight - button.top + GAP, maxHeight: above };
}

export function Popover({
  label,
  button,
  children,
  menu,
  quiet,
  pressed,
  disabled,
  tabIndex,
  className,
}: PopoverProps) {
  const id = useId();
  const opener = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  const [place, setPlace] = useState<CSSProperties>({});
  const close = useCallback(() => panel.current?.hidePopover(), []);

  useLayoutEffect(() => {
    if (!open || !panel.current || !opener.current) return;
    setPlace(placed(opener.current.getBoundingClientRect(), panel.current.getBoundingClientRect()));
    const first = panel.current.querySelector<HTMLElement>("[data-first]") ?? focusable(panel.current)[0];
    first?.focus();
  }, [open]);

  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    event.stopPropagation();
    if (event.key === "Escape") {
      event.preventDefault();
      close();
      opener.current?.focus();
    } else if (menu && panel.current) moved(event, focusable(panel.current));
  };
  return (
    <>
      <button
        ref={opener}
        type="button"
        popoverTarget={id}
        aria-label={label}
        title={label}
        aria-expanded={open}
        aria-haspopup={menu ? "menu" : "dialog"}
        aria-pressed={pressed}
        disabled={disabled}
        tabIndex={tabIndex}
        data-kind={quiet ? "quiet" : undefined}
        className={className}
      >
        {button}
      </button>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: its role is one of two, and both are interactive */}
      {/* biome-ignore lint/a11y/useAriaPropsSupportedByRole: both roles have a label */}
      <div
        ref={panel}
        id={id}
        popover="auto"
        role={menu ? "menu" : "dialog"}
        aria-label={label}
        tabIndex={-1}
        className={styles.panel}
        style={place}
        onToggle={(event) => {
          if (event.target !== event.currentTarget) return;
          setPlace({});
          setOpen(event.newState === "open");
        }}
        onKeyDown={onKeyDown}
      >
        {open && children(close)}
      </div>
    </>
  );
}

function focusable(panel: HTMLElement): HTMLElement[] {
  return [
    ...panel.querySelectorAll<HTMLElement>("a[href], button:not(:disabled), input:not(:disabled), select"),
  ];
}

function moved(event: KeyboardEvent, items: HTMLElement[]): void {
  const here = items.indexOf(document.activeElement as HTMLElement);
  const next = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: items.length - 1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  items[(next + items.length) % items.length]?.focus();
}
