// A Plotly figure in a frame of its own, that has no origin: what it is given is all that it can reach.

import { useEffect, useRef, useState } from "react";
import type { Tagged } from "../../api/types";
import type { FromFrame, ToFrame } from "../../figure/messages";
import { useTheme } from "../../theme";
import { Broken } from "./Broken";
import styles from "./Figures.module.css";

export function FigureFrame({ json, title }: { json: Tagged; title: string }) {
  const frame = useRef<HTMLIFrameElement>(null);
  const theme = useTheme();
  const [isReady, setReady] = useState(false);
  const [height, setHeight] = useState(0);
  const [error, setError] = useState("");
  const [notes, setNotes] = useState<string[]>([]);
  useEffect(() => {
    const heard = (event: MessageEvent<FromFrame>) => {
      if (event.source === null || event.source !== frame.current?.contentWindow) return;
      const said = event.data;
      if (said.kind === "ready") setReady(true);
      if (said.kind === "error") setError(String(said.message));
      if (said.kind === "drawn") {
        setError("");
        setHeight(Math.min(Math.max(Number(said.height) || 0, 120), 4000));
        setNotes(Array.isArray(said.notes) ? said.notes.map(String).slice(0, 5) : []);
      }
    };
    window.addEventListener("message", heard);
    return () => window.removeEventListener("message", heard);
  }, []);
  useEffect(() => {
    if (!isReady) return;
    const message: ToFrame = { kind: "draw", json, theme };
    // the frame's origin is opaque: no name would fit it. What is sent is the figure, and nothing else
    frame.current?.contentWindow?.postMessage(message, "*");
  }, [isReady, json, theme]);
  return (
    <div className={styles.frame}>
      {error && <Broken error={`The figure cannot be drawn: ${error}`} />}
      {!error && height === 0 && <div className={styles.waiting}>drawing…</div>}
      <iframe
        ref={frame}
        title={title}
        src={new URL("figure.html", document.baseURI).toString()}
        sandbox="allow-scripts"
        referrerPolicy="no-referrer"
        style={{ height: error ? 0 : height || 420 }}
      />
      {notes.length > 0 && <p className={styles.notes}>{notes.join(" ")}</p>}
    </div>
  );
}
