import tailwindcss from "@tailwindcss/vite";
import { defineConfig } from "vitest/config";

// Entries are named by their source path: that is the key django-vite looks up in the manifest.
const entries = ["static/src/page.ts", "static/src/island/main.tsx", "static/src/styles/app.css"];

export default defineConfig(({ command }) => ({
  base: command === "build" ? "/static/" : "/",
  plugins: [tailwindcss()],
  publicDir: false,
  // React Flow runs on Preact's compat layer: 58 kB of JavaScript less than with react-dom.
  resolve: {
    alias: {
      "react/jsx-dev-runtime": "preact/jsx-dev-runtime",
      "react/jsx-runtime": "preact/jsx-runtime",
      "react-dom/client": "preact/compat/client",
      "react-dom": "preact/compat",
      react: "preact/compat",
    },
  },
  build: {
    outDir: "static/dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    target: "es2022",
    chunkSizeWarningLimit: 700,
    // htmx evaluates hx-on by design, and icon files carry a server directive: neither is news at every build.
    rolldownOptions: { input: entries, checks: { eval: false, moduleLevelDirective: false } },
  },
  server: { host: "127.0.0.1", port: 8030, strictPort: true },
  test: {
    include: ["static/src/**/*.test.{ts,tsx}"],
    environment: "node",
  },
}));
