import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { existsSync } from "node:fs";
import { defineConfig } from "vitest/config";

// Entries are named by their source path: that is the key django-vite looks up in the manifest.
const entries = ["static/src/page.ts", "static/src/island/main.tsx", "static/src/styles/app.css"].filter((path) => existsSync(path));

export default defineConfig(({ command }) => ({
  base: command === "build" ? "/static/" : "/",
  plugins: [react(), tailwindcss()],
  publicDir: false,
  build: {
    outDir: "static/dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    target: "es2022",
    rollupOptions: { input: entries },
  },
  server: { host: "127.0.0.1", port: 8030, strictPort: true },
  test: {
    include: ["static/src/**/*.test.{ts,tsx}"],
    environment: "node",
  },
}));
