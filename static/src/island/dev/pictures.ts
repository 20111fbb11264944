/** Pictures and runs that look like the real ones. */

import type { GraphDocument } from "../document/types";

/** A small landscape of layered hills in the hues of its name. */
export function picture(name: string, width = 1024, height = 768): string {
  const canvas = Object.assign(document.createElement("canvas"), { width: width / 2, height: height / 2 });
  const draw = canvas.getContext("2d")!;
  const hue = [...name].reduce((sum, letter) => sum + letter.charCodeAt(0) * 7, 0) % 360;
  const sky = draw.createLinearGradient(0, 0, 0, canvas.height);
  sky.addColorStop(0, `hsl(${hue} 45% 18%)`);
  sky.addColorStop(1, `hsl(${(hue + 50) % 360} 75% 68%)`);
  draw.fillStyle = sky;
  draw.fillRect(0, 0, canvas.width, canvas.height);
  for (let layer = 0; layer < 6; layer += 1) {
    draw.fillStyle = `hsl(${hue + layer * 8} 40% ${46 - layer * 7}%)`;
    draw.beginPath();
    draw.moveTo(0, canvas.height);
    for (let x = 0; x <= canvas.width; x += 4) {
      const wave = Math.sin(x / (70 - layer * 5) + layer * 2 + hue) + 0.5 * Math.sin(x / 23 + layer * 5);
      draw.lineTo(x, canvas.height * (0.42 + layer * 0.1) + wave * 16);
    }
    draw.lineTo(canvas.width, canvas.height);
    draw.fill();
  }
  return canvas.toDataURL("image/jpeg", 0.85);
}

function outputOf(type: string, id: string): unknown {
  const [width, height] = type === "image.resize" ? [768, 432] : [1024, 768];
  const image = { $asset: id, kind: "image", width, height, url: picture("harbour", width, height) };
  switch (type) {
    case "input.text":
      return { text: "A harbour at dusk, lanterns on the water, first snow on the roofs" };
    case "input.number":
      return { number: 12 };
    case "image.generate":
    case "image.resize":
      return { image };
    default:
      return {};
  }
}

const tell = (detail: Record<string, unknown>): boolean => window.dispatchEvent(new CustomEvent("node-status", { detail }));

/** Plays a run over the nodes in their order; the video fails, the other branch is skipped. */
export function runPlay(graph: GraphDocument, done: (state: string) => void): void {
  let at = 300;
  const later = (wait: number, act: () => void): void => void setTimeout(act, (at += wait));
  for (const { id, type } of graph.nodes) {
    if (id === "no") {
      later(50, () => tell({ node: id, state: "skipped" }));
      continue;
    }
    later(100, () => tell({ node: id, state: "running", progress: "0" }));
    const slow = type.endsWith(".generate");
    if (slow) for (const share of [0.2, 0.5, 0.8]) later(500, () => tell({ node: id, state: "running", progress: String(share), message: "Drawing" }));
    later(150, () => {
      if (type === "video.generate") return tell({ node: id, state: "failed", error: "The vendor is not available now. Try again in a minute." });
      const cost = type === "image.generate" ? "4000000" : "0";
      return tell({ node: id, state: id === "number" ? "cached" : "completed", cost, outputs: JSON.stringify(outputOf(type, id)) });
    });
  }
  later(100, () => done("failed"));
}
