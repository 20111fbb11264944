/** Parts of a graph: what a run of it takes in, and whether two documents run the same. */

import type { RunAsk } from "../api/client";
import type { GraphDocument } from "./types";

/** These nodes and all that feeds them. */
export function upstream(doc: GraphDocument, ids: Iterable<string>): Set<string> {
  const before = new Map<string, string[]>();
  for (const { source, target } of doc.edges) before.set(target, [...(before.get(target) ?? []), source]);
  const found = new Set<string>();
  const queue = [...ids];
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    queue.push(...(before.get(node) ?? []));
  }
  return found;
}

/** The nodes that such a run has steps for; null for all of them. */
export function nodesAsked(doc: GraphDocument, { targets }: RunAsk): Set<string> | null {
  return targets ? upstream(doc, targets) : null;
}

/** True when only places and titles differ: a run would do the same. */
export function runsSame(a: GraphDocument, b: GraphDocument): boolean {
  if (a === b) return true;
  if (a.edges !== b.edges || a.variables !== b.variables || a.nodes.length !== b.nodes.length) return false;
  return a.nodes.every((node, index) => {
    const other = b.nodes[index]!;
    return node === other || (node.id === other.id && node.type === other.type && node.version === other.version && node.params === other.params);
  });
}
