// Prints the JavaScript and CSS each page loads, gzipped, from the build's manifest, and fails over the budget.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const dist = "static/dist/";
const manifest = JSON.parse(readFileSync(`${dist}manifest.json`, "utf8"));
const gzip = (file) => gzipSync(readFileSync(dist + file), { level: 9 }).length;

/** Every file the named entries load, static imports included. */
function filesOf(entries) {
  const scripts = new Set();
  const styles = new Set();
  const visit = (key) => {
    const chunk = manifest[key];
    if (!chunk || scripts.has(chunk.file) || styles.has(chunk.file)) return;
    (chunk.file.endsWith(".css") ? styles : scripts).add(chunk.file);
    (chunk.css ?? []).forEach((file) => styles.add(file));
    (chunk.imports ?? []).forEach(visit);
    (chunk.dynamicImports ?? []).forEach(visit);
  };
  entries.forEach(visit);
  return { scripts: [...scripts], styles: [...styles] };
}

const pages = [
  { name: "workflow page", entries: ["static/src/page.ts", "static/src/island/main.tsx", "static/src/styles/app.css"], budget: 180_000 },
  { name: "other pages", entries: ["static/src/page.ts", "static/src/styles/app.css"], budget: 35_000 },
];

const report = pages.map(({ name, entries, budget }) => {
  const { scripts, styles } = filesOf(entries);
  const sum = (files) => files.reduce((total, file) => total + gzip(file), 0);
  return { page: name, javascript: sum(scripts), css: sum(styles), budget, ok: sum(scripts) <= budget };
});

if (process.argv.includes("--json")) console.log(JSON.stringify(report));
else console.table(report);
if (report.some((row) => !row.ok)) process.exitCode = 1;
