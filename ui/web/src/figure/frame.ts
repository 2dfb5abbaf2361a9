// Inside of the frame: draws the figure that the page sends, and says how high it has become, or what was wrong.

import Plotly from "plotly.js-strict-dist-min";
import "./figure.css";
import type { FromFrame, ToFrame } from "./messages";
import { safeFigure, themed } from "./safe";

const place = document.getElementById("figure") as HTMLElement;

function say(message: FromFrame): void {
  // the page's origin is not known in here; it is told a height and words, which are no secrets
  window.parent.postMessage(message, "*");
}

async function draw({ json, theme }: ToFrame): Promise<void> {
  document.documentElement.dataset.theme = theme;
  try {
    const figure = safeFigure(json);
    const given = figure.layout.height;
    const height = typeof given === "number" && given >= 100 ? Math.min(given, 4000) : 450;
    const layout = { ...themed(figure.layout, theme), height, autosize: true };
    Reflect.deleteProperty(layout, "width");
    place.style.height = `${height}px`;
    await Plotly.react(place, {
      data: figure.data,
      layout,
      frames: figure.frames,
      config: {
        responsive: true,
        displaylogo: false,
        editable: false,
        showLink: false,
        showSendToCloud: false,
        plotlyServerURL: "",
        topojsonURL: "",
        modeBarButtonsToRemove: ["sendDataToCloud", "editInChartStudio"],
      },
    });
    say({ kind: "drawn", height, notes: figure.notes });
  } catch (error) {
    say({ kind: "error", message: error instanceof Error ? error.message : String(error) });
  }
}

window.addEventListener("message", (event: MessageEvent<ToFrame>) => {
  if (event.source === window.parent && event.data.kind === "draw") void draw(event.data);
});
window.addEventListener("error", (event) => say({ kind: "error", message: event.message }));
window.addEventListener("unhandledrejection", (event) =>
  say({ kind: "error", message: String(event.reason) }),
);
say({ kind: "ready" });
