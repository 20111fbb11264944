// Writes Lucide's icons (ISC), old names too, as one JSON file beside the build: name -> inner SVG. `{% icon "play" %}` reads it.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";

const folder = "node_modules/lucide-static/icons";
const inner = (file) =>
  /<svg[^>]*>([\s\S]*)<\/svg>/.exec(readFileSync(`${folder}/${file}`, "utf8"))[1].replace(/\s*\n\s*/g, "").trim();
const files = readdirSync(folder).filter((file) => file.endsWith(".svg"));

writeFileSync("static/dist/icons.json", JSON.stringify(Object.fromEntries(files.map((file) => [file.slice(0, -4), inner(file)]))));
