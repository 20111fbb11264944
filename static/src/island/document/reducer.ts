/** The reducer: a document and an operation make a document. Its twin is apps/engine/operations.py. */

import type { GraphDocument, GraphEdge, GraphNode, Json, NewNode, Operation, Params } from "./types";
import { operationProblem } from "./wellformed";

/** An operation that is malformed; `index` is its place in the list it came in. */
export class MalformedOperation extends Error {
  constructor(
    readonly index: number,
    message: string,
  ) {
    super(message);
  }
}

type SetOperation = Extract<Operation, { op: "set" }>;

/** Own property or not: a param may be called `__proto__`. */
function withEntry(entries: Params, name: string, value: Json): Params {
  return { ...entries, [name]: value };
}

function withoutEntry(entries: Params, name: string): Params {
  return Object.fromEntries(Object.entries(entries).filter(([key]) => key !== name));
}

function fullNode({ id, type, version, title, params, position }: NewNode): GraphNode {
  return { id, type, version: version ?? 1, title: title ?? "", params: params ?? {}, position: position ?? { x: 0, y: 0 } };
}

function changedNode(node: GraphNode, { path, ...op }: SetOperation): GraphNode {
  switch (path[0]) {
    case "title":
      return { ...node, title: op.value as string };
    case "type_version":
      return { ...node, version: op.value as number };
    case "position":
      return { ...node, position: op.value as unknown as GraphNode["position"] };
    case "params":
      if ("value" in op) return { ...node, params: withEntry(node.params, path[1], op.value as Json) };
      return Object.hasOwn(node.params, path[1]) ? { ...node, params: withoutEntry(node.params, path[1]) } : node;
  }
}

function setApply(doc: GraphDocument, op: SetOperation): GraphDocument {
  const index = doc.nodes.findIndex((node) => node.id === op.id);
  const node = doc.nodes[index];
  if (!node) return doc;
  const changed = changedNode(node, op);
  return changed === node ? doc : { ...doc, nodes: doc.nodes.with(index, changed) };
}

const sameEnds = (a: GraphEdge, b: GraphEdge): boolean =>
  a.source === b.source && a.source_port === b.source_port && a.target === b.target && a.target_port === b.target_port;

function edgeAdd(doc: GraphDocument, edge: GraphEdge): GraphDocument {
  const ends = new Set(doc.nodes.map((node) => node.id));
  if (!ends.has(edge.source) || !ends.has(edge.target)) return doc;
  if (doc.edges.some((other) => other.id === edge.id || sameEnds(other, edge))) return doc;
  return { ...doc, edges: [...doc.edges, edge] };
}

function nodeRemove(doc: GraphDocument, id: string): GraphDocument {
  const nodes = doc.nodes.filter((node) => node.id !== id);
  if (nodes.length === doc.nodes.length) return doc;
  const edges = doc.edges.filter((edge) => edge.source !== id && edge.target !== id);
  return { ...doc, nodes, edges: edges.length === doc.edges.length ? doc.edges : edges };
}

/** Applies one well-formed operation. The very same object comes back when it has no effect. */
export function operationApply(doc: GraphDocument, op: Operation): GraphDocument {
  switch (op.op) {
    case "add_node":
      return doc.nodes.some((node) => node.id === op.node.id) ? doc : { ...doc, nodes: [...doc.nodes, fullNode(op.node)] };
    case "remove_node":
      return nodeRemove(doc, op.id);
    case "set":
      return setApply(doc, op);
    case "add_edge":
      return edgeAdd(doc, op.edge);
    case "remove_edge": {
      const edges = doc.edges.filter((edge) => edge.id !== op.id);
      return edges.length === doc.edges.length ? doc : { ...doc, edges };
    }
    case "set_variable":
      if ("value" in op) return { ...doc, variables: withEntry(doc.variables, op.name, op.value as Json) };
      return Object.hasOwn(doc.variables, op.name) ? { ...doc, variables: withoutEntry(doc.variables, op.name) } : doc;
  }
}

/** Applies operations in order, all or none; says of each whether it changed anything. */
export function operationsApply(doc: GraphDocument, ops: readonly unknown[]): { document: GraphDocument; effects: boolean[] } {
  ops.forEach((op, index) => {
    const problem = operationProblem(op);
    if (problem) throw new MalformedOperation(index, problem);
  });
  const effects: boolean[] = [];
  let document = doc;
  for (const op of ops as Operation[]) {
    const next = operationApply(document, op);
    effects.push(next !== document);
    document = next;
  }
  return { document, effects };
}
