/**
 * The island without a server, for looking at it: `npm run dev`, then
 * /static/src/island/dev/?graph=postcard|empty|big|errors&theme=light&role=viewer&offline=1
 */

import "../../page";

import type { GraphDocument, Operation } from "../document/types";
import { operationApply } from "../document/reducer";
import catalogue from "./catalogue.json";
import { GRAPHS } from "./graphs";
import { picture, runPlay } from "./pictures";

const query = new URLSearchParams(location.search);
document.documentElement.dataset["theme"] = query.get("theme") === "light" ? "millrace-light" : "millrace-dark";
const mount = document.getElementById("canvas-island")!;
mount.dataset["role"] = query.get("role") ?? "editor";

let graph: GraphDocument = GRAPHS[query.get("graph") ?? "postcard"]!();
let seq = 0;
let runs = 0;
const sockets = new Set<HarnessSocket>();
const offline = query.get("offline") === "1";

type Row = Operation & { client_seq: number };

function apply(clientId: string, rows: Row[]): void {
  const sent = rows.map(({ client_seq, ...op }) => {
    graph = operationApply(graph, op as Operation);
    seq += 1;
    return { seq, client_id: clientId, client_seq, actor: { id: "u1", name: "Alice" }, ...op };
  });
  sockets.forEach((socket) => socket.deliver({ type: "ops", ops: sent }));
}

class HarnessSocket {
  static readonly OPEN = 1;
  readyState = 0;
  clientId = "";
  onopen?: () => void;
  onclose?: () => void;
  onmessage?: (event: { data: string }) => void;

  constructor() {
    setTimeout(() => {
      if (offline) return this.close();
      this.readyState = 1;
      sockets.add(this);
      this.onopen?.();
      if (query.has("peers")) this.deliver({ type: "presence", peers: [{ id: "p2", user: "u2", name: "Bob Lee", cursor: { x: 420, y: 260 }, selected: ["image"] }] });
    }, 50);
  }
  send(text: string): void {
    const message = JSON.parse(text);
    if (message.type === "hello") this.clientId = message.client_id;
    if (message.type === "ops") setTimeout(() => apply(this.clientId, message.ops), 120);
  }
  deliver(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  close(): void {
    sockets.delete(this);
    this.readyState = 3;
    this.onclose?.();
  }
}

function problems(): unknown[] {
  if (query.get("graph") !== "errors") return [];
  return [
    { node: "image", port: "prompt", code: "missing_input", message: "“Prompt” needs a connection." },
    { node: "resize", port: "width", code: "bounds", message: "Width is at most 8192." },
  ];
}

const asset = (id: string): unknown => ({
  id, state: "ready", kind: "image", size: 120_000, filename: `${id}.png`, meta: { width: 1024, height: 768 }, url: picture(id), thumbnail: picture(id),
});

const generation = (id: string, index: number): unknown => ({
  id, state: "succeeded", model: "sandbox/image", seed: index, cost: 4_000_000, error: null, created_at: "2026-11-20T10:00:00Z", params: { seed: index, style: id },
  outputs: [{ $asset: id, kind: "image", width: 1024, height: 768, url: picture(id) }],
});

const ROUTES: [RegExp, (body: Record<string, unknown>, id: string) => unknown][] = [
  [/\/workflows\/w1\/validate/, () => ({ ok: !problems().length, errors: problems() })],
  [/\/workflows\/w1\/estimate/, () => estimate()],
  [/\/workflows\/w1\/ops/, (body) => (apply(String(body["client_id"]), body["ops"] as Row[]), { seq, ops: [] })],
  [/\/workflows\/w1\/runs/, () => runStarted()],
  [/\/workflows\/w1$/, () => ({ seq, graph })],
  [/\/generations/, () => ({ items: ["dunes", "bloom", "sea", "aurora", "marble"].map(generation), next: null })],
  [/\/runs\/(\w+)\/steps/, () => ({ items: [], next: null })],
  [/\/runs\/(\w+)$/, (_, id) => ({ id, state: runStates.get(id) ?? "running" })],
  [/\/assets\?/, () => ({ items: ["harbour", "dunes", "aurora", "bloom", "marble"].map(asset), next: null })],
  [/\/assets\/uploads/, () => (query.has("refuse") ? { asset: "uploaded", url: "/nowhere", fields: { key: "k" } } : { asset: "uploaded" })],
  [/\/assets\/(\w+)/, (_, id) => asset(id)],
];

const runStates = new Map<string, string>();

function runStarted(): unknown {
  runs += 1;
  const id = `run${runs}`;
  runStates.set(id, "running");
  runPlay(graph, (state) => {
    runStates.set(id, state);
    window.dispatchEvent(new CustomEvent("run-status", { detail: { id, state } }));
  });
  return { id, state: "running", url: "#" };
}

function estimate(): unknown {
  const steps = graph.nodes.map(({ id, type }) => {
    const high = type === "image.generate" ? 4_000_000 : type === "video.generate" ? 20_000_000 : 0;
    return { node: id, low: high, high, cached: false, effect: high ? "paid" : "pure" };
  });
  const total = steps.reduce((sum, step) => sum + step.high, 0);
  return { low: total, high: total, steps };
}

const realFetch = window.fetch;

function answer(path: string, body: Record<string, unknown>): Response {
  if (query.has("poor") && path.includes("/runs")) {
    return Response.json({ detail: "Not enough credits.", missing: 3_500_000 }, { status: 402 });
  }
  for (const [route, act] of ROUTES) {
    const found = route.exec(path);
    if (found) return Response.json(act(body, found[1] ?? ""));
  }
  return Response.json({ detail: "Not found." }, { status: 404 });
}

window.fetch = async (input, init) => {
  const path = String(input);
  if (!path.startsWith("/api/")) return realFetch(input, init);
  await new Promise((resolve) => setTimeout(resolve, 60));
  if (offline) throw new TypeError("offline");
  return answer(path, init?.body ? JSON.parse(String(init.body)) : {});
};
(window as unknown as { WebSocket: unknown }).WebSocket = class extends HarnessSocket {};

const boot = document.createElement("script");
boot.id = "island-boot";
boot.type = "application/json";
boot.textContent = JSON.stringify({
  workflow: { id: "w1", name: "Postcard", seq, graph },
  ...catalogue,
  user: { id: "u1", name: "Alice" },
  csrf: "",
});
document.body.append(boot);
await import("../main");
