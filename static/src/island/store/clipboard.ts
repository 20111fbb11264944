/** Parts of a graph as text: copied, pasted, duplicated. The same format as a whole document. */

import { newId } from "../document/ids";
import { operationProblem } from "../document/wellformed";
import { FORMAT, type GraphEdge, type GraphNode, type NewNode, type Operation, type Position } from "../document/types";
import { documentNow } from "./document";
import { selectedNodes } from "./flow";
import { commit } from "./workshop";

export interface Fragment {
  format: string;
  nodes: NewNode[];
  edges: GraphEdge[];
}

/** The selected nodes and the edges between them. */
export function fragmentSelected(): Fragment | null {
  const ids = new Set(selectedNodes().map((node) => node.id));
  if (!ids.size) return null;
  const { nodes, edges } = documentNow();
  return {
    format: FORMAT,
    nodes: nodes.filter((node) => ids.has(node.id)),
    edges: edges.filter((edge) => ids.has(edge.source) && ids.has(edge.target)),
  };
}

/** A fragment, a document, or an API answer that holds one under `graph`; null for any other text. */
export function fragmentRead(text: string): Fragment | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const found = (value as { graph?: unknown } | null)?.graph ?? value;
  if (typeof found !== "object" || found === null) return null;
  const { format, nodes, edges = [] } = found as Partial<Fragment>;
  if (format !== FORMAT || !Array.isArray(nodes) || !Array.isArray(edges)) return null;
  const wellFormed =
    nodes.every((node) => !operationProblem({ op: "add_node", node })) && edges.every((edge) => !operationProblem({ op: "add_edge", edge }));
  return wellFormed ? { format, nodes, edges } : null;
}

const cornerOf = (nodes: readonly NewNode[]): Position => ({
  x: Math.min(...nodes.map((node) => node.position?.x ?? 0)),
  y: Math.min(...nodes.map((node) => node.position?.y ?? 0)),
});

/** Puts a fragment on the canvas under new ids, its corner at `place`. */
export function fragmentPaste({ nodes, edges }: Fragment, place: Position): void {
  if (!nodes.length) return;
  const corner = cornerOf(nodes);
  const ids = new Map(nodes.map((node) => [node.id, newId("n")]));
  const shifted = (node: NewNode): Position => ({
    x: Math.round((node.position?.x ?? 0) - corner.x + place.x),
    y: Math.round((node.position?.y ?? 0) - corner.y + place.y),
  });
  const added = nodes.map((node): Operation => ({ op: "add_node", node: { ...node, id: ids.get(node.id)!, position: shifted(node) } }));
  const joined = edges
    .filter((edge) => ids.has(edge.source) && ids.has(edge.target))
    .map((edge): Operation => ({
      op: "add_edge",
      edge: { ...edge, id: newId("e"), source: ids.get(edge.source)!, target: ids.get(edge.target)! },
    }));
  commit([...added, ...joined], { select: ids.values() });
}

export function selectionDuplicate(): void {
  const fragment = fragmentSelected();
  if (!fragment) return;
  const corner = cornerOf(fragment.nodes as GraphNode[]);
  fragmentPaste(fragment, { x: corner.x + 32, y: corner.y + 32 });
}
