// Pictures of the harness for looking at: node static/src/island/dev/look.mjs [folder] (with `npm run dev` running).
import { mkdirSync } from "node:fs";

import { chromium } from "playwright-core";

const folder = process.argv[2] ?? "var/look";
const base = `http://127.0.0.1:${process.env.PORT ?? 8030}/static/src/island/dev/`;
mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic"] });

async function shot(name, query, { width = 1280, height = 800, act = async () => {} } = {}) {
  const page = await browser.newPage({ viewport: { width, height } });
  page.on("console", (message) => message.type() === "error" && console.log(name, "console:", message.text()));
  page.on("pageerror", (error) => console.log(name, "error:", error.stack));
  await page.goto(base + query);
  await page.waitForSelector(".react-flow__viewport", { timeout: 15_000 });
  await page.waitForTimeout(900);
  await act(page);
  await page.screenshot({ path: `${folder}/${name}.png` });
  await page.close();
}

const run = async (page) => {
  await page.click(".run-button");
  await page.waitForTimeout(2_300);
};
const runToEnd = async (page) => {
  await run(page);
  await page.waitForTimeout(5_500);
};

const centre = async (page, selector) => {
  const box = await page.locator(selector).boundingBox();
  return [box.x + box.width / 2, box.y + box.height / 2];
};
const refuse = async (page) => {
  await page.mouse.move(...(await centre(page, "[data-node=prompt] .port-source .port-handle")));
  await page.mouse.down();
  const [x, y] = await centre(page, "[data-node=video] .port-target:nth-child(2) .port-handle");
  await page.mouse.move(x - 60, y + 30, { steps: 5 });
  await page.mouse.move(x, y, { steps: 5 });
  await page.waitForTimeout(150);
};

const shots = {
  "postcard-dark": ["?peers=1"],
  "postcard-light": ["?theme=light"],
  "selected-dark": ["", { act: (page) => page.click("[data-node=image] .node-header") }],
  "running-dark": ["", { act: run }],
  "ended-dark": ["", { act: runToEnd }],
  "ended-light": ["?theme=light", { act: async (page) => { await runToEnd(page); await page.click("[data-node=image] .node-header"); await page.waitForTimeout(200); } }],
  "empty-dark": ["?graph=empty"],
  "errors-light": ["?graph=errors&theme=light", { act: (page) => page.click("[data-node=resize] .node-header") }],
  "quick-dark": ["", { act: async (page) => { await page.mouse.move(640, 600); await page.keyboard.press("Space"); await page.waitForTimeout(150); } }],
  "keys-light": ["?theme=light", { act: async (page) => { await page.keyboard.press("?"); await page.waitForTimeout(150); } }],
  "offline-dark": ["?offline=1", { act: async (page) => { await page.click(".palette-item"); await page.waitForTimeout(1500); } }],
  "poor-light": ["?poor=1&theme=light", { act: async (page) => { await page.click(".run-button"); await page.waitForTimeout(400); } }],
  "narrow-dark": ["", { width: 390, height: 844, act: runToEnd }],
  "narrow-light": ["?theme=light", { width: 390, height: 844 }],
  "small-dark": ["?graph=small", { act: run }],
  "small-light": ["?graph=small&theme=light", { act: async (page) => { await runToEnd(page); await page.click("[data-node=image] .node-header"); } }],
  "refused-dark": ["?graph=small", { act: refuse }],
  "big-dark": ["?graph=big"],
};
const wanted = process.argv.slice(3);
for (const [name, [query, options]] of Object.entries(shots)) {
  if (!wanted.length || wanted.includes(name)) await shot(name, query, options).catch((error) => console.log(name, String(error)));
}
await browser.close();
