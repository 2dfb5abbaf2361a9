import { Check, Copy as CopyIcon, X } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { copyText } from "./clipboard";

/** A button that copies a text (or what a function gives) and says whether it could. */
export function Copy({
  text,
  label,
  children,
}: {
  text: string | (() => string | Promise<string>);
  label: string;
  children?: ReactNode;
}) {
  const [state, setState] = useState<"idle" | "done" | "failed">("idle");
  useEffect(() => {
    if (state === "idle") return;
    const timer = window.setTimeout(() => setState("idle"), 1600);
    return () => window.clearTimeout(timer);
  }, [state]);
  const copy = async () => {
    try {
      setState((await copyText(typeof text === "string" ? text : await text())) ? "done" : "failed");
    } catch {
      setState("failed");
    }
  };
  const Icon = state === "done" ? Check : state === "failed" ? X : CopyIcon;
  return (
    <button type="button" data-kind="quiet" onClick={copy} aria-label={label} title={label}>
      <Icon size={14} aria-hidden />
      {children}
      <span className="visually-hidden" role="status">
        {state === "done" ? "copied" : state === "failed" ? "could not be copied" : ""}
      </span>
    </button>
  );
}
