import { describe, expect, it } from "vitest";
import { safeFigure, themed } from "./safe";

describe("safeFigure", () => {
  it("leaves a figure as it is", () => {
    const figure = {
      data: [{ type: "scatter", x: [1], y: { dtype: "f8", bdata: "AAAA" } }],
      layout: { title: { text: "a < b" } },
    };
    expect(safeFigure(figure)).toEqual({ ...figure, frames: [], notes: [] });
    expect(safeFigure(JSON.stringify(figure)).data).toEqual(figure.data);
  });
  it("takes out images and addresses of other hosts, at any depth", () => {
    const { layout, data, notes } = safeFigure({
      data: [{ type: "image", source: "http://x/y.png" }],
      layout: {
        images: [
          { source: "//x/y.png", x: 0 },
          { source: "data:image/png;base64,AAAA" },
          { source: " data:image/svg+xml,<svg>" },
        ],
        map: { layers: [{ source: "https://tiles/{z}" }], accesstoken: "secret" },
      },
    });
    expect(layout.images).toEqual([{ x: 0 }, { source: "data:image/png;base64,AAAA" }, {}]);
    expect(JSON.stringify([layout, data])).not.toMatch(/https?:|\/\/x|secret/);
    expect(notes).toHaveLength(1);
  });
  it("takes links out of texts, and keeps what they say", () => {
    const { layout } = safeFigure({
      data: [],
      layout: {
        annotations: [
          { text: '<a href="javascript:x()" target="_self">go</a> <b>on</b>' },
          { text: "< A\nHREF='http://x'>y</ a >" },
        ],
      },
    });
    expect(layout.annotations).toEqual([{ text: "go <b>on</b>" }, { text: "y" }]);
  });
  it("says that maps are not there, and does not take others for maps", () => {
    const notes = (type: string) => safeFigure({ data: [{ type }] }).notes.length;
    expect(["scattergeo", "choropleth", "scattermapbox", "densitymap", "choroplethmap"].map(notes)).toEqual([
      1, 1, 1, 1, 1,
    ]);
    expect(["heatmap", "treemap", "scatter"].map(notes)).toEqual([0, 0, 0]);
  });
  it("refuses what is no figure", () => {
    for (const given of [null, 1, [], "[]", "{", { data: "x" }]) expect(() => safeFigure(given)).toThrow();
  });
});

describe("themed", () => {
  it("gives defaults for the dark, and lets the figure have its own", () => {
    const layout = {
      paper_bgcolor: "red",
      template: { layout: { plot_bgcolor: "#E5ECF6", colorway: ["a"], font: { size: 3 } } },
    };
    const dark = themed(layout, "dark");
    expect(dark.paper_bgcolor).toBe("red");
    expect(dark.template).toMatchObject({
      layout: { plot_bgcolor: "#191d1b", colorway: ["a"], font: { size: 3, color: "#e9edea" } },
    });
    expect(themed(layout, "light")).toBe(layout);
  });
});
