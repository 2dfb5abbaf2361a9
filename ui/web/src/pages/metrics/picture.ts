// A chart as a PNG, with its title and its legend, as it stands on the page.

import { cut } from "../../components/lettering/lettering";
import type { Line } from "./panels";

const LEGEND = 24;

/** Hand a file to the reader. */
export function save(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // the download has begun when the click returns; the address must outlive that by a little
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A name that any file system takes. */
export function fileName(title: string, ending: string): string {
  const safe = title
    .replace(/[^\p{L}\p{N}._ -]+/gu, "_")
    .slice(0, 80)
    .replace(/^[. ]+/, "");
  return `${safe || "chart"}.${ending}`;
}

export function savePicture(chart: HTMLCanvasElement, title: string, lines: readonly Line[]): void {
  picture(chart, title, lines).toBlob((blob) => {
    if (blob) save(fileName(title, "png"), blob);
  }, "image/png");
}

function picture(chart: HTMLCanvasElement, title: string, lines: readonly Line[]): HTMLCanvasElement {
  const ratio = window.devicePixelRatio || 1;
  const css = getComputedStyle(document.documentElement);
  const named = lines.slice(0, LEGEND);
  const columns = Math.max(1, Math.floor(chart.width / ratio / 260));
  const rows = Math.ceil((named.length + Number(lines.length > LEGEND)) / columns);
  const [top, rowHeight] = [30 * ratio, 17 * ratio];
  const canvas = document.createElement("canvas");
  canvas.width = chart.width;
  canvas.height = top + chart.height + rows * rowHeight + 10 * ratio;
  const context = canvas.getContext("2d");
  if (context === null) return canvas;
  context.fillStyle = css.getPropertyValue("--surface");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(chart, 0, top);
  context.fillStyle = css.getPropertyValue("--ink");
  context.font = `600 ${14 * ratio}px ${css.getPropertyValue("--sans")}`;
  context.fillText(cut(context, title, canvas.width - 24 * ratio), 12 * ratio, 20 * ratio);
  context.font = `${11 * ratio}px ${css.getPropertyValue("--sans")}`;
  const entry = (place: number): [number, number] => [
    ((place % columns) * canvas.width) / columns + 12 * ratio,
    top + chart.height + (Math.floor(place / columns) + 0.7) * rowHeight,
  ];
  named.forEach((line, place) => {
    const [left, base] = entry(place);
    context.strokeStyle = line.colour;
    context.lineWidth = 2 * ratio;
    context.setLineDash(line.dash.map((part) => part * ratio));
    context.beginPath();
    context.moveTo(left, base - 4 * ratio);
    context.lineTo(left + 22 * ratio, base - 4 * ratio);
    context.stroke();
    context.setLineDash([]);
    const text = [line.title, line.name, line.context].filter(Boolean).join("  ");
    context.fillText(cut(context, text, canvas.width / columns - 44 * ratio), left + 28 * ratio, base);
  });
  if (lines.length > LEGEND) {
    const [left, base] = entry(LEGEND);
    context.fillText(`and ${lines.length - LEGEND} more`, left, base);
  }
  return canvas;
}
