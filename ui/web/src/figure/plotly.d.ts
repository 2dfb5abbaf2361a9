declare module "plotly.js-strict-dist-min" {
  interface Drawn {
    data: unknown[];
    layout: { [key: string]: unknown };
    frames: unknown[];
    config: { [key: string]: unknown };
  }
  const Plotly: {
    react(place: HTMLElement, figure: Drawn): Promise<HTMLElement>;
    purge(place: HTMLElement): void;
    Plots: { resize(place: HTMLElement): Promise<void> };
  };
  export default Plotly;
}
