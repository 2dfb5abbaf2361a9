// Colours of series: told apart by most eyes, on light ground and on dark. Which run has which depends on its key alone.

export const LIGHT = [
  "#1f77b4",
  "#d6600a",
  "#2a8a3e",
  "#c22f3d",
  "#7a52b3",
  "#7d5a44",
  "#c24f9c",
  "#5c6670",
  "#8f8a00",
  "#0b8e9c",
  "#3f51b5",
  "#a0522d",
  "#00796b",
  "#ad1457",
  "#558b2f",
  "#6d4c9f",
] as const;
export const DARK = [
  "#6baed6",
  "#fd9a4c",
  "#74c476",
  "#f28482",
  "#b39ddb",
  "#c7a17a",
  "#f1a6d6",
  "#b0bec5",
  "#d4cf5a",
  "#4dd0e1",
  "#9fa8da",
  "#e0a080",
  "#4db6ac",
  "#f48fb1",
  "#aed581",
  "#ce93d8",
] as const;

/** The colour of the series with a number. */
export function colour(number: number, theme: "light" | "dark"): string {
  const colours = theme === "dark" ? DARK : LIGHT;
  return colours[number % colours.length] ?? colours[0];
}

/** How lines are broken, for what is told apart by stroke. */
export const DASHES: readonly number[][] = [[], [8, 4], [2, 3], [10, 3, 2, 3], [14, 4], [4, 4]];
