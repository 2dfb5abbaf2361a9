import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Addresses in the page are relative to <base href>, which the server fills in: one build serves any base path.
export default defineConfig({
  base: "./",
  // JSX is made by legible/jsx-runtime, which shows signs that are not seen.
  plugins: [react({ jsxImportSource: "legible" })],
  resolve: { alias: { legible: decodeURIComponent(new URL("./src/legible", import.meta.url).pathname) } },
  build: {
    outDir: "../runstone_ui/page",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 5000,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { index: "index.html" },
    },
  },
  server: { proxy: { "/api": "http://127.0.0.1:43800" } },
});
