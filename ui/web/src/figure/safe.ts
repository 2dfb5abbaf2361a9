// A figure without whatever would reach out of its frame: pictures and maps from elsewhere, and links.

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Tree = { [key: string]: Json };

export interface Figure {
  data: Json[];
  layout: Tree;
  frames: Json[];
  /** What was taken out, in sentences. */
  notes: string[];
}

/** Kinds of traces that draw on maps, whose outlines or tiles come from another host. */
const MAPS = /^(choropleth|scattergeo|.*mapbox|.*map)$/;
const NOT_MAPS = new Set(["heatmap", "treemap", "histogram2dmap"]);

/** The parts of a figure that are drawn. Throws where it is none. */
export function safeFigure(given: unknown): Figure {
  const read: unknown = typeof given === "string" ? JSON.parse(given) : given;
  if (!isTree(read) || !Array.isArray(read.data ?? []))
    throw new Error("It is not a figure as Plotly writes it.");
  const notes = new Set<string>();
  const data = ((read.data ?? []) as Json[]).map((trace) => cleaned(trace, notes)).filter(isTree);
  const layout = cleaned(isTree(read.layout) ? read.layout : {}, notes) as Tree;
  const frames = Array.isArray(read.frames) ? read.frames.map((frame) => cleaned(frame, notes)) : [];
  if (data.some(({ type }) => typeof type === "string" && MAPS.test(type) && !NOT_MAPS.has(type)))
    notes.add(
      "Maps are fetched from another host, which this page does not do: outlines and tiles are missing.",
    );
  return { data, layout, frames, notes: [...notes] };
}

function isTree(value: unknown): value is Tree {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function cleaned(value: Json, notes: Set<string>): Json {
  if (typeof value === "string") return withoutLinks(value);
  if (Array.isArray(value)) return value.map((item) => cleaned(item, notes));
  if (!isTree(value)) return value;
  const result: Tree = {};
  for (const [key, item] of Object.entries(value)) {
    if (key === "__proto__") continue;
    if (isReaching(key, item)) {
      notes.add("Images and links to other hosts are left out.");
      continue;
    }
    result[key] = cleaned(item, notes);
  }
  return result;
}

/** Whether an entry is an address that something would be fetched from. */
function isReaching(key: string, value: Json): boolean {
  if (typeof value !== "string") return false;
  if (key === "source" || key === "src") return !/^data:image\/(png|jpeg|gif|webp);/i.test(value.trim());
  return (
    key === "topojsonURL" ||
    key === "plotlyServerURL" ||
    key === "accesstoken" ||
    key === "url" ||
    key === "href"
  );
}

/** Plotly's texts may have links; what they say stays. */
function withoutLinks(text: string): string {
  return text.includes("<") ? text.replace(/<\s*\/?\s*a(\s[^>]*)?>/gi, "") : text;
}

const DARK: Tree = {
  paper_bgcolor: "#191d1b",
  plot_bgcolor: "#191d1b",
  font: { color: "#e9edea" },
  xaxis: { gridcolor: "#343b37", linecolor: "#4a534e", zerolinecolor: "#4a534e" },
  yaxis: { gridcolor: "#343b37", linecolor: "#4a534e", zerolinecolor: "#4a534e" },
  polar: { bgcolor: "#191d1b" },
  ternary: { bgcolor: "#191d1b" },
  scene: Object.fromEntries(
    ["xaxis", "yaxis", "zaxis"].map((axis) => [axis, { backgroundcolor: "#191d1b", gridcolor: "#343b37" }]),
  ),
};

/** The layout with the theme's colours as its defaults: what the figure says itself stays as it says. */
export function themed(layout: Tree, theme: "light" | "dark"): Tree {
  if (theme === "light") return layout;
  const template = isTree(layout.template) ? layout.template : {};
  const defaults = isTree(template.layout) ? template.layout : {};
  return { ...layout, template: { ...template, layout: merged(defaults, DARK) } };
}

function merged(below: Tree, above: Tree): Tree {
  const result: Tree = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const there = result[key];
    result[key] = isTree(value) && isTree(there) ? merged(there, value) : value;
  }
  return result;
}
