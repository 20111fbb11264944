/** Which port may be connected to which, and the sentence when it may not. Twin of the engine's rule. */

import type { InputPort, NodeType, OutputPort, PortType } from "../boot";
import { t } from "../i18n";
import { typeTreated } from "./treatment";
import type { GraphDocument, GraphEdge, GraphNode } from "./types";

const ASSETS: readonly PortType[] = ["image", "video", "audio"];

export function typeName(type: PortType): string {
  const names: Record<PortType, string> = {
    text: t("text"),
    number: t("number"),
    boolean: t("yes or no"),
    json: t("data"),
    image: t("image"),
    video: t("video"),
    audio: t("audio"),
    asset: t("file"),
    table: t("table"),
    any: t("anything"),
  };
  return names[type] ?? type;
}

/** Whether a value of one type fits a port of the other: same, `any`, or one of the safe widenings. */
export function typesFit(source: PortType, target: PortType): boolean {
  if (source === target || source === "any" || target === "any") return true;
  if (target === "asset") return ASSETS.includes(source);
  if (source === "asset") return ASSETS.includes(target);
  if (target === "json") return source === "text" || source === "number" || source === "boolean";
  return target === "text" && (source === "number" || source === "boolean");
}

export interface Ends {
  source: string;
  source_port: string;
  target: string;
  target_port: string;
}

export interface Ports {
  output(node: string, port: string): OutputPort | undefined;
  input(node: string, port: string): InputPort | undefined;
}

/** A node's type in the version it has, else as it is now. */
export const atVersion = (types: ReadonlyMap<string, NodeType>, { type, version }: GraphNode): NodeType | undefined =>
  types.get(`${type}@${version}`) ?? types.get(type);

/** Ports of the nodes of a document, by the catalogue of node types. */
export function portsOf(doc: GraphDocument, types: ReadonlyMap<string, NodeType>): Ports {
  const typeOf = (node: GraphNode): NodeType | undefined => {
    const type = atVersion(types, node);
    return type && typeTreated(type, node.params);
  };
  const byId = new Map(doc.nodes.map((node) => [node.id, typeOf(node)]));
  return {
    output: (node, port) => byId.get(node)?.ports.outputs.find((each) => each.name === port),
    input: (node, port) => byId.get(node)?.ports.inputs.find((each) => each.name === port),
  };
}

/** True when `to` can be reached from `from` along the edges. */
function reaches(edges: readonly GraphEdge[], from: string, to: string): boolean {
  const next = new Map<string, string[]>();
  for (const edge of edges) next.set(edge.source, [...(next.get(edge.source) ?? []), edge.target]);
  const seen = new Set<string>();
  const queue = [from];
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    if (node === to) return true;
    if (seen.has(node)) continue;
    seen.add(node);
    queue.push(...(next.get(node) ?? []));
  }
  return false;
}

/** Null when the two ports may be connected, else the reason as a sentence. */
export function connectionProblem(doc: GraphDocument, ports: Ports, ends: Ends): string | null {
  const output = ports.output(ends.source, ends.source_port);
  const input = ports.input(ends.target, ends.target_port);
  if (!output || !input) return t("A connection goes from an output to an input.");
  if (ends.source === ends.target) return t("A node cannot feed itself.");
  if (!typesFit(output.type, input.type)) {
    return t("“%(output)s” gives %(source)s; “%(input)s” takes %(target)s.", {
      output: output.title,
      source: typeName(output.type),
      input: input.title,
      target: typeName(input.type),
    });
  }
  if (reaches(doc.edges, ends.target, ends.source)) return t("This would make a circle: the node already comes before that one.");
  return null;
}
