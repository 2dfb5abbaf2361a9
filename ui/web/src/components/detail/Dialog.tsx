import { X } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useEffect, useRef } from "react";
import styles from "./Dialog.module.css";

/** A modal window of the browser's own: Escape and a click beside it close it, and focus goes back. */
export function Dialog({
  title,
  onClose,
  onKeyDown,
  tools,
  children,
}: {
  title: ReactNode;
  onClose: () => void;
  onKeyDown?: ((event: KeyboardEvent) => void) | undefined;
  tools?: ReactNode;
  children: ReactNode;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element?.showModal();
    return () => {
      element?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      className={styles.dialog}
      ref={dialog}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
      onKeyDown={onKeyDown}
    >
      <div className={styles.inside}>
        <header className={styles.head}>
          <h2>{title}</h2>
          {tools}
          <button type="button" data-kind="quiet" onClick={onClose} aria-label="Close" title="Close (Escape)">
            <X size={16} aria-hidden />
          </button>
        </header>
        <div className={styles.body}>{children}</div>
      </div>
    </dialog>
  );
}
