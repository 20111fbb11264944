/**
 * How a node is treated rather than what it does: retries, time limit, what follows a failure, reuse, a pinned output.
 * These settings lie among its params under names with a `$`; twin of the engine's policy.
 */

import type { NodeType, OutputPort, ParamSchema } from "../boot";
import { t, tn } from "../i18n";
import type { GraphDocument, GraphNode, Json, Operation, Params } from "./types";
import { variantsCount, type Vary } from "./vary";

export const ERROR_PORT = "error";

type Fields = { [key: string]: Json };

export const isFields = (value: Json | undefined): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);

const errorPort = (): OutputPort => ({ name: ERROR_PORT, type: "json", title: t("Error") });

const branched = new WeakMap<NodeType, NodeType>();

/** The type of a node with these params: with an error output where its failures take a branch. */
export function typeTreated(type: NodeType, params: Params): NodeType {
  if (params["$on_failure"] !== "branch" || type.ports.outputs.some((port) => port.name === ERROR_PORT)) return type;
  let found = branched.get(type);
  if (!found) {
    found = { ...type, ports: { inputs: type.ports.inputs, outputs: [...type.ports.outputs, errorPort()] } };
    branched.set(type, found);
  }
  return found;
}

/** Which settings make sense for a node of this type. What the node has set is always among them, to be seen and removed. */
export function settingsFor(type: NodeType, params: Params, settings: Record<string, ParamSchema>): string[] {
  const given = type.ports.inputs.length === 0 && type.effect === "pure";
  const makes = type.ports.outputs.length > 0;
  const fitting: Record<string, boolean> = {
    $retry: type.effect !== "wait" && !given,
    $timeout_s: type.effect !== "wait" && !given,
    $fallback: Boolean(type.price?.models),
    $on_failure: !given,
    $default: params["$on_failure"] === "default",
    $always_new: (type.effect === "pure" || type.effect === "paid") && !given,
    $pin: makes,
  };
  // What is compared has a form of its own.
  return Object.keys(settings).filter((name) => name !== "$vary").filter((name) => fitting[name] === true || (params[name] ?? null) !== null);
}

/** A setting as it is kept: what says no more than nothing does is nothing. */
export function settingKept(name: string, value: Json | undefined, schema: ParamSchema | undefined): Json | undefined {
  if (value === undefined || value === null || value === schema?.default) return undefined;
  if (Array.isArray(value)) return value.length ? value : undefined;
  if (!isFields(value)) return value;
  const parts = schema?.properties ?? {};
  const kept = Object.entries(value).filter(([part, each]) => each !== undefined && each !== parts[part]?.default);
  if (name === "$retry") return Number(value["times"] ?? 0) > 0 ? Object.fromEntries(kept) : undefined;
  return kept.length ? Object.fromEntries(kept) : undefined;
}

const setting = (id: string, name: string, value: Json | undefined): Operation => ({
  op: "set", id, path: ["params", name], ...(value === undefined ? {} : { value }),
});

/** A first value of each output that has an obvious one, so that the choice of a default is right at once. */
function defaultFirst(type: NodeType): Fields | undefined {
  const firsts: Record<string, Json> = { text: "", any: "", number: 0, boolean: false };
  const found = type.ports.outputs.flatMap((port) => (port.type in firsts ? [[port.name, firsts[port.type]!] as const] : []));
  return found.length ? Object.fromEntries(found) : undefined;
}

/**
 * Operations that set one setting of a node. What belongs to the choice before goes with it: the default value, and
 * the connections at an error output that is no more. `cut` says how many connections that are.
 */
export function settingOps(doc: GraphDocument, node: GraphNode, type: NodeType, name: string, value: Json | undefined): { ops: Operation[]; cut: number } {
  const ops = [setting(node.id, name, value)];
  if (name !== "$on_failure") return { ops, cut: 0 };
  const own = type.ports.outputs.some((port) => port.name === ERROR_PORT);
  const lost = value === "branch" || own ? [] : doc.edges.filter((edge) => edge.source === node.id && edge.source_port === ERROR_PORT);
  if (value === "default" && !node.params["$default"]) {
    const first = defaultFirst(type);
    if (first) ops.push(setting(node.id, "$default", first));
  }
  if (value !== "default" && node.params["$default"] !== undefined) ops.push(setting(node.id, "$default", undefined));
  return { ops: [...lost.map((edge): Operation => ({ op: "remove_edge", id: edge.id })), ...ops], cut: lost.length };
}

export type MarkKind = "vary" | "retry" | "timeout" | "failure" | "new" | "pin";

export interface Mark {
  kind: MarkKind;
  /** A figure beside the icon, as the number of retries. */
  figure: string;
  words: string;
}

/** What is worth knowing at a glance about how a node is treated. */
export function marksOf(params: Params): Mark[] {
  const marks: Mark[] = [];
  const mark = (kind: MarkKind, words: string, figure = ""): void => void marks.push({ kind, words, figure });
  const retry = params["$retry"];
  const times = isFields(retry) ? Number(retry["times"] ?? 0) : 0;
  const variants = isFields(params["$vary"]) ? variantsCount(params["$vary"] as Vary) : 0;
  if (variants) mark("vary", tn("Makes %(count)s variant to compare", "Makes %(count)s variants to compare", variants), String(variants));
  if (params["$pin"]) mark("pin", t("Pinned: uses the pinned output without running"));
  if (params["$always_new"]) mark("new", t("Always new: earlier results are never reused"));
  if (times > 0) mark("retry", t("Retries up to %(times)s times after a temporary error", { times }), String(times));
  if (typeof params["$timeout_s"] === "number") mark("timeout", t("Stops after %(seconds)s s", { seconds: params["$timeout_s"] }));
  if (params["$on_failure"] === "default") mark("failure", t("If it fails, the run continues with a default value"));
  if (params["$on_failure"] === "branch") mark("failure", t("If it fails, the run continues from the error output"));
  return marks;
}
