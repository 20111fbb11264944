/** The run that is shown: the state of each node, what it made, what it cost. */

import { create } from "zustand";

import type { Estimate, GraphError } from "../api/client";
import type { AssetRef, Json } from "../document/types";

export const STATES = ["pending", "ready", "running", "waiting", "completed", "cached", "failed", "skipped", "cancelled"] as const;
export type StepState = (typeof STATES)[number];

export interface Output {
  port: string | null;
  value: Json;
}

export interface NodeStatus {
  state: StepState;
  progress: number | null;
  cost: number | null;
  message: string;
  error: string;
  outputs: Output[];
  /** The end of what a model is writing just now. */
  text?: string;
  /** Why it was reused, or had to run. */
  reason?: string;
  /** Which try this is; 1 is the first. */
  attempt?: number;
  /** When the next try begins, while it waits for one. */
  againAt?: string;
  /** In a dry run: what it would have done. */
  would?: string;
  /** What an answer may come from while it waits. */
  request?: unknown;
  /** The item that waits, where a list made several of the step. */
  item?: number;
  /** How many items wait for an answer, where it is more than one. */
  asks?: number;
}

/** What is shown of a step: the engine's states, and a pause between two tries. */
export type ShownState = StepState | "retrying";

export const shownState = ({ state, againAt }: NodeStatus): ShownState => (state === "pending" && againAt ? "retrying" : state);

interface RunState {
  run: { id: string; state: string } | null;
  status: Record<string, NodeStatus>;
  pressing: boolean;
  estimate: Estimate | null;
  /** The graph has changed since it was priced. */
  stale: boolean;
  errors: GraphError[];
  notice: { message: string; link?: { href: string; label: string } } | null;
}

export const useRun = create<RunState>(() => ({
  run: null,
  status: {},
  pressing: false,
  estimate: null,
  stale: false,
  errors: [],
  notice: null,
}));

/** What is asked of whoever may answer, as it travels: `{kind, …}`; null for none. */
export function requestKind(request: unknown): string | null {
  if (typeof request !== "object" || request === null) return null;
  const kind = (request as { kind?: unknown }).kind;
  return typeof kind === "string" ? kind : "";
}

const ENDED = new Set(["completed", "failed", "cancelled"]);
export const isLive = (run: RunState["run"]): boolean => run !== null && !ENDED.has(run.state);

export const isAsset = (value: unknown): value is AssetRef =>
  typeof value === "object" && value !== null && typeof (value as AssetRef).$asset === "string";

function spread(port: string | null, value: Json): Output[] {
  return Array.isArray(value) ? value.map((item) => ({ port, value: item })) : [{ port, value }];
}

/** Outputs come as `{port: value}` or as a list of values or of `{port, value}`; lists of values are spread. */
export function outputsRead(raw: unknown): Output[] {
  if (Array.isArray(raw)) {
    return raw.flatMap((entry: Json) => {
      const named = typeof entry === "object" && entry !== null && !Array.isArray(entry) && "value" in entry;
      return named ? spread(String(entry["port"] ?? entry["name"] ?? "") || null, entry["value"] ?? null) : spread(null, entry);
    });
  }
  if (typeof raw !== "object" || raw === null) return [];
  if (isAsset(raw)) return [{ port: null, value: raw as unknown as Json }];
  return Object.entries(raw as Record<string, Json>).flatMap(([port, value]) => spread(port, value));
}

/** A problem that came as text, as `{message}` or as `{detail}`. */
export function errorRead(raw: unknown): string {
  if (typeof raw === "string") return raw;
  if (typeof raw !== "object" || raw === null) return "";
  const { message, detail } = raw as { message?: unknown; detail?: unknown };
  return String(message ?? detail ?? "");
}

let waiting: Record<string, NodeStatus> = {};
let frame = 0;

/** Takes news of nodes; what arrives within one frame is drawn at once. */
export function statusTake(news: Record<string, NodeStatus>): void {
  waiting = { ...waiting, ...news };
  frame ||= requestAnimationFrame(statusFlush);
}

function statusFlush(): void {
  frame = 0;
  const news = waiting;
  waiting = {};
  useRun.setState(({ status }) => ({ status: { ...status, ...news } }));
}

/** A new run of these nodes, of all without any, begins: results of the last one stay on show until a node starts again. */
export function statusReset(nodes: ReadonlySet<string> | null = null): void {
  waiting = {};
  const queued = (each: NodeStatus): NodeStatus => ({ state: "pending", outputs: each.outputs, progress: null, message: "", error: "", cost: null });
  useRun.setState(({ status }) => ({
    status: Object.fromEntries(Object.entries(status).map(([id, each]) => [id, !nodes || nodes.has(id) ? queued(each) : each])),
  }));
}

const NO_ERRORS: GraphError[] = [];
const byNode = new WeakMap<GraphError[], Map<string, GraphError[]>>();

/** Errors of one node, the same list object as long as the errors are the same. */
export function errorsOf(errors: GraphError[], node: string): GraphError[] {
  let index = byNode.get(errors);
  if (!index) {
    index = new Map();
    for (const error of errors) if (error.node) index.set(error.node, [...(index.get(error.node) ?? []), error]);
    byNode.set(errors, index);
  }
  return index.get(node) ?? NO_ERRORS;
}
