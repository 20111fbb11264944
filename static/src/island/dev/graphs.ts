/** Graphs to look at. */

import type { GraphDocument, GraphEdge, GraphNode, Json } from "../document/types";

const node = (id: string, type: string, x: number, y: number, params: Record<string, Json> = {}, title = ""): GraphNode => ({
  id, type, version: 1, title, params, position: { x, y },
});

const edge = (source: string, source_port: string, target: string, target_port: string): GraphEdge => ({
  id: `${source}-${target}-${target_port}`, source, source_port, target, target_port,
});

const graph = (nodes: GraphNode[], edges: GraphEdge[]): GraphDocument => ({ format: "millrace/1", nodes, edges, variables: { place: "Hallstatt" } });

function postcard(): GraphDocument {
  return graph(
    [
      node("prompt", "input.text", 0, 0, { text: "A harbour at dusk, lanterns on the water, first snow on the roofs" }, "Prompt"),
      node("image", "image.generate", 320, 0, { model: "sandbox/image", seed: 7, width: 1024, height: 768 }),
      node("resize", "image.resize", 640, 0, { width: 768, height: 432 }),
      node("video", "video.generate", 960, 0, { model: "sandbox/video", seed: 7, seconds: 4 }),
      node("gallery", "output.gallery", 1280, 0, { title: "Postcard" }),
      node("number", "input.number", 0, 320, { number: 12 }),
      node("condition", "flow.condition", 320, 480, { expression: "value > 10" }),
      node("yes", "test.pass", 640, 480),
      node("no", "test.pass", 640, 640),
    ],
    [
      edge("prompt", "text", "image", "prompt"),
      edge("image", "image", "resize", "image"),
      edge("resize", "image", "video", "image"),
      edge("prompt", "text", "video", "prompt"),
      edge("video", "video", "gallery", "asset"),
      edge("number", "number", "condition", "value"),
      edge("condition", "true", "yes", "value"),
      edge("condition", "false", "no", "value"),
    ],
  );
}

function small(): GraphDocument {
  const { nodes, edges, format } = postcard();
  const ids = new Set(["prompt", "image", "video", "no"]);
  const placed = nodes.filter(({ id }) => ids.has(id)).map((each, i) => ({ ...each, position: { x: (i % 3) * 312, y: i > 2 ? 360 : 0 } }));
  return { format, variables: {}, nodes: placed, edges: edges.filter(({ source, target }) => ids.has(source) && ids.has(target)) };
}

function big(): GraphDocument {
  const nodes = Array.from({ length: 1000 }, (_, i) => node(`n${i}`, "test.pass", (i % 40) * 300, Math.floor(i / 40) * 180));
  const edges = nodes.slice(1).map((each, i) => edge(`n${i}`, "value", each.id, "value"));
  return graph(nodes, edges);
}

/** What asks models: words, a picture with others to ask instead, a change of it. */
function studio(): GraphDocument {
  return graph(
    [
      node("prompt", "input.text", 0, 0, { text: "A harbour at dusk" }, "Prompt"),
      node("text", "text.generate", 320, 0, { model: "sandbox/text", sentences: 5 }),
      node("image", "image.generate", 640, 0, { model: "sandbox/image", seed: 7, width: 1024, height: 768, style: "sea", $fallback: ["alpha/draw", "beta/draw-fast"] }),
      node("edit", "image.edit", 960, 0, { model: "sandbox/edit" }),
    ],
    [edge("prompt", "text", "text", "prompt"), edge("text", "text", "image", "prompt"), edge("image", "image", "edit", "images"), edge("prompt", "text", "edit", "prompt")],
  );
}

export const GRAPHS: Record<string, () => GraphDocument> = { studio, postcard, small, big, errors: postcard, empty: () => graph([], []) };
