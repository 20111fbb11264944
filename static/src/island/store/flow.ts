/** What React Flow draws: kept in step with the document, object by object, so that only what changed is drawn again. */

import { applyEdgeChanges, applyNodeChanges, type Edge, type EdgeChange, type Node, type NodeChange } from "@xyflow/react";
import { create } from "zustand";

import type { PortType } from "../boot";
import { portsOf } from "../document/connections";
import type { GraphDocument, GraphEdge, GraphNode } from "../document/types";
import { t } from "../i18n";
import { nodeTitle, nodeTypes } from "./catalogue";

export type StepNode = Node<{ node: GraphNode }, "step">;
export type FlowEdge = Edge<{ edge: GraphEdge; portType: PortType }, "flow">;

interface FlowState {
  nodes: StepNode[];
  edges: FlowEdge[];
}

export const useFlow = create<FlowState>(() => ({ nodes: [], edges: [] }));

/** What it is, said to screen readers: React Flow's own words are English. */
const role = (word: string): { "aria-roledescription": string } => ({ "aria-roledescription": word });

function stepNode(node: GraphNode, old: StepNode | undefined): StepNode {
  if (old?.data.node === node) return old;
  const position = old?.dragging ? old.position : { ...node.position };
  return { ...(old ?? { type: "step" as const, selected: false }), id: node.id, position, data: { node }, ariaLabel: nodeTitle(node), domAttributes: role(t("node")) };
}

function flowEdge(edge: GraphEdge, portType: PortType, ariaLabel: string, old: FlowEdge | undefined): FlowEdge {
  if (old?.data?.edge === edge && old.data.portType === portType && old.ariaLabel === ariaLabel) return old;
  return {
    ...(old ?? { type: "flow" as const, selected: false }),
    id: edge.id,
    source: edge.source,
    sourceHandle: edge.source_port,
    target: edge.target,
    targetHandle: edge.target_port,
    data: { edge, portType },
    ariaLabel,
    domAttributes: role(t("connection")),
  };
}

/** Takes the document over. Nodes in `select` become the selection. */
export function flowFollow(document: GraphDocument, select?: ReadonlySet<string>): void {
  const { nodes, edges } = useFlow.getState();
  const oldNodes = new Map(nodes.map((node) => [node.id, node]));
  const oldEdges = new Map(edges.map((edge) => [edge.id, edge]));
  const ports = portsOf(document, nodeTypes());
  const names = new Map(document.nodes.map((node) => [node.id, nodeTitle(node)]));
  const label = (edge: GraphEdge): string =>
    t("From %(source)s to %(target)s", { source: names.get(edge.source) ?? edge.source, target: names.get(edge.target) ?? edge.target });
  useFlow.setState({
    nodes: document.nodes.map((node) => selectedAs(stepNode(node, oldNodes.get(node.id)), select)),
    edges: document.edges.map((edge) =>
      selectedAs(flowEdge(edge, ports.output(edge.source, edge.source_port)?.type ?? "any", label(edge), oldEdges.get(edge.id)), select),
    ),
  });
}

function selectedAs<T extends { id: string; selected?: boolean }>(item: T, select?: ReadonlySet<string>): T {
  if (!select || (item.selected ?? false) === select.has(item.id)) return item;
  return { ...item, selected: select.has(item.id) };
}

export function nodesChange(changes: NodeChange<StepNode>[]): void {
  const kept = changes.filter((change) => change.type !== "remove");
  if (kept.length) useFlow.setState(({ nodes }) => ({ nodes: applyNodeChanges(kept, nodes) }));
}

export function edgesChange(changes: EdgeChange<FlowEdge>[]): void {
  const kept = changes.filter((change) => change.type !== "remove");
  if (kept.length) useFlow.setState(({ edges }) => ({ edges: applyEdgeChanges(kept, edges) }));
}

export function selectionSet(ids: ReadonlySet<string>): void {
  useFlow.setState(({ nodes, edges }) => ({
    nodes: nodes.map((node) => selectedAs(node, ids)),
    edges: edges.map((edge) => selectedAs(edge, ids)),
  }));
}

export const selectedNodes = (): StepNode[] => useFlow.getState().nodes.filter((node) => node.selected);
export const selectedEdges = (): FlowEdge[] => useFlow.getState().edges.filter((edge) => edge.selected);

/** Ids of the selected nodes as one text, so that a component is drawn again only when the set changed. */
export const selectionKey = ({ nodes }: FlowState): string =>
  nodes.reduce((key, node) => (node.selected ? `${key}\n${node.id}` : key), "").slice(1);
