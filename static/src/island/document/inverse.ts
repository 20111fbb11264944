/** What undoes an operation, seen from the document it is about to be applied to. */

import { operationApply } from "./reducer";
import type { GraphDocument, Operation } from "./types";

type SetOperation = Extract<Operation, { op: "set" }>;

function setInverse(doc: GraphDocument, op: SetOperation): Operation[] {
  const node = doc.nodes.find((each) => each.id === op.id);
  if (!node) return [];
  const back = (value: unknown): Operation[] => [{ ...op, value } as Operation];
  switch (op.path[0]) {
    case "title":
      return back(node.title);
    case "type_version":
      return back(node.version);
    case "position":
      return back(node.position);
    case "params": {
      const name = op.path[1];
      if (Object.hasOwn(node.params, name)) return back(node.params[name]);
      return [{ op: "set", id: op.id, path: op.path }];
    }
  }
}

function nodeRemoveInverse(doc: GraphDocument, id: string): Operation[] {
  const node = doc.nodes.find((each) => each.id === id);
  if (!node) return [];
  const edges = doc.edges.filter((edge) => edge.source === id || edge.target === id);
  return [{ op: "add_node", node }, ...edges.map((edge): Operation => ({ op: "add_edge", edge }))];
}

/** Operations that take `op` back; empty when it will have no effect. */
export function operationInverse(doc: GraphDocument, op: Operation): Operation[] {
  if (operationApply(doc, op) === doc) return [];
  switch (op.op) {
    case "add_node":
      return [{ op: "remove_node", id: op.node.id }];
    case "remove_node":
      return nodeRemoveInverse(doc, op.id);
    case "set":
      return setInverse(doc, op);
    case "add_edge":
      return [{ op: "remove_edge", id: op.edge.id }];
    case "remove_edge": {
      const edge = doc.edges.find((each) => each.id === op.id);
      return edge ? [{ op: "add_edge", edge }] : [];
    }
    case "set_variable":
      if (!Object.hasOwn(doc.variables, op.name)) return [{ op: "set_variable", name: op.name }];
      return [{ op: "set_variable", name: op.name, value: doc.variables[op.name]! }];
  }
}

/** Operations that take a whole list back, last first. */
export function operationsInverse(doc: GraphDocument, ops: readonly Operation[]): Operation[] {
  const inverses: Operation[][] = [];
  let document = doc;
  for (const op of ops) {
    inverses.unshift(operationInverse(document, op));
    document = operationApply(document, op);
  }
  return inverses.flat();
}
