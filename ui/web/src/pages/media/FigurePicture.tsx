import { Download } from "lucide-react";
import { useEffect, useState } from "react";
import { Broken } from "./Broken";
import styles from "./Figures.module.css";
import { blobAddress } from "./Thumbnail";

const TYPES: { [format: string]: string } = {
  svg: "image/svg+xml",
  png: "image/png",
  jpeg: "image/jpeg",
  webp: "image/webp",
};

/** A figure that was kept as a picture. As an image it can neither run a script nor fetch anything, an SVG too. */
export function FigurePicture({ value, name }: { value: { blob: string; format: string }; name: string }) {
  const [source, setSource] = useState<string | null>(null);
  const [error, setError] = useState("");
  const { blob, format } = value;
  useEffect(() => {
    const leaving = new AbortController();
    let made: string | null = null;
    const load = async () => {
      try {
        // the server sends SVG as a download, so that no address of its own ever shows one as a document
        const response = await fetch(blobAddress(blob), { signal: leaving.signal });
        if (!response.ok) {
          const said = (await response.json().catch(() => ({}))) as { message?: unknown };
          throw new Error(typeof said.message === "string" ? said.message : "The picture cannot be read.");
        }
        const type = TYPES[format] ?? "application/octet-stream";
        made = URL.createObjectURL(new Blob([await response.arrayBuffer()], { type }));
        setSource(made);
        setError("");
      } catch (problem) {
        if (!leaving.signal.aborted) setError(problem instanceof Error ? problem.message : String(problem));
      }
    };
    void load();
    return () => {
      leaving.abort();
      if (made !== null) URL.revokeObjectURL(made);
    };
  }, [blob, format]);
  if (error) return <Broken error={error} />;
  return (
    <div>
      {source && (
        <img
          className={styles.picture}
          src={source}
          alt={name}
          onError={() => setError("It cannot be shown as a picture.")}
        />
      )}
      <div>
        <a href={blobAddress(blob)} download={`${blob.slice(0, 12)}.${format}`}>
          <Download size={14} aria-hidden /> {format}
        </a>
      </div>
    </div>
  );
}
