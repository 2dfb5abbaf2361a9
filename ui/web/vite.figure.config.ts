import { defineConfig, type Plugin } from "vite";

/**
 * The frame of a figure has an opaque origin, from which module scripts cannot be loaded without CORS: its script is a
 * classic one, and so its tag must be. The server knows it by a word that it fills in, as 'self' names nothing there.
 */
function classicScript(): Plugin {
  return {
    name: "classic-script",
    transformIndexHtml: {
      order: "post",
      handler: (html) =>
        html
          .replace(
            /<script type="module" crossorigin src="([^"]*)"><\/script>\s*/,
            '<script defer nonce="__NONCE__" src="$1"></script>\n    ',
          )
          .replaceAll(" crossorigin", ""),
    },
  };
}

export default defineConfig({
  base: "./",
  publicDir: false,
  plugins: [classicScript()],
  build: {
    outDir: "../runstone_ui/page",
    emptyOutDir: false,
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 8000,
    modulePreload: false,
    rollupOptions: {
      input: { figure: "figure.html" },
      output: { format: "iife" },
    },
  },
});
