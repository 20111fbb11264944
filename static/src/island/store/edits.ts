/** What people do to the graph, as operations. */

import type { NodeType } from "../boot";
import { connectionProblem, portsOf, typesFit, type Ends } from "../document/connections";
import { newId } from "../document/ids";
import { operationsInverse } from "../document/inverse";
import { paramsDropped } from "../document/params";
import type { GraphNode, Json, Operation, Params, Position } from "../document/types";
import { model, modelsFor, nodeTypeOf, nodeTypes, schemaOf } from "./catalogue";
import { documentNow } from "./document";
import { selectedEdges, selectedNodes, useFlow } from "./flow";
import { toast, useUi, type Connecting } from "./ui";
import { commit } from "./workshop";

const GRID = 16;
const snap = (value: number): number => Math.round(value / GRID) * GRID;
export const snapped = ({ x, y }: Position): Position => ({ x: snap(x), y: snap(y) });

/** The params a new node starts with: a model that fits, and a seed of its own, so that a second run is the same. */
function paramsFirst(type: NodeType): Record<string, Json> {
  const params: Record<string, Json> = {};
  for (const [name, schema] of Object.entries(type.params.properties ?? {})) {
    if (schema.format === "model") params[name] = schema.default ?? modelsFor(schema)[0]?.id ?? null;
  }
  const properties = schemaOf(type, modelOf(type, params)).properties ?? {};
  for (const [name, schema] of Object.entries(properties)) if (schema.format === "seed") params[name] = seedRandom();
  return params;
}

/** The model a node of this type uses: the one set, else the default. */
export function modelOf(type: NodeType | undefined, params: Params): Json | undefined {
  const found = Object.entries(type?.params.properties ?? {}).find(([, schema]) => schema.format === "model");
  return found ? (params[found[0]] ?? found[1].default) : undefined;
}

/** A node's params with the defaults of its type and model filled in. */
export function paramsShown(node: GraphNode): Params {
  const type = nodeTypeOf(node);
  const schema = schemaOf(type, modelOf(type, node.params)).properties ?? {};
  const defaults = Object.entries(schema).flatMap(([name, field]) => (field.default === undefined ? [] : [[name, field.default] as const]));
  return { ...Object.fromEntries(defaults), ...node.params };
}

export const seedRandom = (): number => Math.floor(Math.random() * 1_000_000);

const WIDTH = 240;
const HEIGHT = 120;
const GAP = 32;

/** Moves a place down until a new node there would cover no other. */
export function placeFree(place: Position): Position {
  const boxes = useFlow.getState().nodes.map(({ position, measured }) => ({ ...position, height: measured?.height ?? HEIGHT }));
  let free = snapped(place);
  for (let tries = 0; tries < boxes.length; tries += 1) {
    const { x, y } = free;
    const under = boxes.find((box) => Math.abs(box.x - x) < WIDTH && y < box.y + box.height && box.y < y + HEIGHT);
    if (!under) break;
    free = snapped({ x, y: under.y + under.height + GAP });
  }
  return free;
}

/** To the right of the selected node, or of the one added last, so that an edge to it runs forward. Null without any. */
export function placeNext(): Position | null {
  const { nodes } = useFlow.getState();
  const selected = nodes.filter((node) => node.selected);
  const before = selected.length ? selected.reduce((a, b) => (b.position.x > a.position.x ? b : a)) : nodes[nodes.length - 1];
  if (!before) return null;
  return { x: before.position.x + (before.measured?.width ?? WIDTH) + 2 * GAP, y: before.position.y };
}

export function nodeNew(type: NodeType, place: Position, params: Record<string, Json> = {}): GraphNode {
  const position = placeFree(place);
  return { id: newId("n"), type: type.type, version: type.version, title: "", params: { ...paramsFirst(type), ...params }, position };
}

/** Adds a node, connected to the port somebody came from. Answers its id. */
export function nodeAdd(type: NodeType, place: Position, from: Connecting | null = null, params: Record<string, Json> = {}): string {
  const node = nodeNew(type, place, params);
  const ends = from ? endsFor(type, node.id, from) : null;
  const edge: Operation[] = ends ? [...edgesReplaced(ends), { op: "add_edge", edge: { id: newId("e"), ...ends } }] : [];
  commit([{ op: "add_node", node }, ...edge], { select: [node.id] });
  return node.id;
}

/** The first port of a new node that fits the port somebody drew from. */
function endsFor(type: NodeType, id: string, from: Connecting): Ends | null {
  if (from.side === "source") {
    const port = inputFor(type, from);
    return port ? { source: from.node, source_port: from.port, target: id, target_port: port } : null;
  }
  const port = type.ports.outputs.find((each) => typesFit(each.type, from.type));
  return port ? { source: id, source_port: port.name, target: from.node, target_port: from.port } : null;
}

function inputFor(type: NodeType, from: Connecting): string | undefined {
  const fitting = type.ports.inputs.filter((each) => typesFit(from.type, each.type));
  return (fitting.find((each) => each.type === from.type) ?? fitting[0])?.name;
}

export function typeFits(type: NodeType, from: Connecting | null): boolean {
  if (!from) return true;
  if (from.side === "source") return inputFor(type, from) !== undefined;
  return type.ports.outputs.some((each) => typesFit(each.type, from.type));
}

/** A port for one value gives up the edge it has when it gets another. */
function edgesReplaced(ends: Ends): Operation[] {
  const doc = documentNow();
  const input = portsOf(doc, nodeTypes()).input(ends.target, ends.target_port);
  if (input?.many !== false) return [];
  return doc.edges
    .filter((edge) => edge.target === ends.target && edge.target_port === ends.target_port)
    .map((edge) => ({ op: "remove_edge", id: edge.id }));
}

export function problemOf(ends: Ends): string | null {
  const doc = documentNow();
  return connectionProblem(doc, portsOf(doc, nodeTypes()), ends);
}

/** Connects two ports, or says near `at` why not. */
export function portsConnect(ends: Ends, at: Position | null = null): void {
  const problem = problemOf(ends);
  if (problem) return toast(problem, "error", at);
  const { source, source_port, target, target_port } = ends;
  const edge = { id: newId("e"), source, source_port, target, target_port };
  commit([...edgesReplaced(ends), { op: "add_edge", edge }]);
}

export function paramSet(id: string, name: string, value: Json | undefined): void {
  const op: Operation = { op: "set", id, path: ["params", name], ...(value === undefined ? {} : { value }) };
  commit([op], { merge: `${id}.params.${name}` });
}

export function titleSet(id: string, title: string): void {
  commit([{ op: "set", id, path: ["title"], value: [...title].slice(0, 200).join("") }], { merge: `${id}.title` });
}

export function versionSet(id: string, version: number): void {
  commit([{ op: "set", id, path: ["type_version"], value: version }]);
}

export function variableSet(name: string, value: Json | undefined): void {
  commit([{ op: "set_variable", name, ...(value === undefined ? {} : { value }) }], { merge: `variable.${name}` });
}

/** Changes a node's model: params that the new one takes stay, the others go, and the form says which. */
export function modelSet(node: GraphNode, name: string, id: string): void {
  const type = nodeTypeOf(node);
  const before = schemaOf(type, node.params[name]).properties ?? {};
  const after = schemaOf(type, id).properties ?? {};
  const dropped = paramsDropped(node.params, before, after);
  const ops: Operation[] = [
    { op: "set", id: node.id, path: ["params", name], value: id },
    ...dropped.map((param): Operation => ({ op: "set", id: node.id, path: ["params", param] })),
    ...fallbackWithout(node, id),
  ];
  const back = operationsInverse(documentNow(), ops);
  commit(ops);
  const titles = dropped.map((param) => before[param]?.title ?? param);
  useUi.setState({ modelChange: titles.length ? { node: node.id, model: id, title: model(id)?.title ?? id, titles, back } : null });
}

/** The model that is asked first is not asked again. */
function fallbackWithout(node: GraphNode, id: string): Operation[] {
  const names = node.params["$fallback"];
  if (!Array.isArray(names) || !names.includes(id)) return [];
  const left = names.filter((each) => each !== id);
  return [{ op: "set", id: node.id, path: ["params", "$fallback"], ...(left.length ? { value: left } : {}) }];
}

/** Takes a change of model back, with the settings it cost. */
export function modelChangeUndo(): void {
  const { modelChange } = useUi.getState();
  if (!modelChange) return;
  commit([...modelChange.back]);
  useUi.setState({ modelChange: null });
}

/** Sets a node's model and settings to those of an earlier moment; what was not set then is unset again. */
export function settingsRestore(node: GraphNode, model: string, then: Params): void {
  const type = nodeTypeOf(node);
  const name = Object.entries(type?.params.properties ?? {}).find(([, schema]) => schema.format === "model")?.[0];
  const known = schemaOf(type, model).properties ?? {};
  const ops = Object.keys(known)
    .filter((param) => param !== name && JSON.stringify(node.params[param]) !== JSON.stringify(then[param]))
    .map((param): Operation => ({ op: "set", id: node.id, path: ["params", param], ...(param in then ? { value: then[param]! } : {}) }));
  commit(name && node.params[name] !== model ? [{ op: "set", id: node.id, path: ["params", name], value: model }, ...ops] : ops);
}

export function positionsSet(moved: readonly { id: string; position: Position }[]): void {
  const before = new Map(documentNow().nodes.map((node) => [node.id, node.position]));
  const ops = moved
    .filter(({ id, position }) => before.get(id)?.x !== position.x || before.get(id)?.y !== position.y)
    .map(({ id, position }): Operation => ({ op: "set", id, path: ["position"], value: { x: position.x, y: position.y } }));
  commit(ops);
}

export function selectionRemove(): void {
  const edges = selectedEdges().map((edge): Operation => ({ op: "remove_edge", id: edge.id }));
  commit([...edges, ...selectedNodes().map((node): Operation => ({ op: "remove_node", id: node.id }))]);
}

export function selectionNudge(dx: number, dy: number): void {
  const nodes = selectedNodes();
  const ops = nodes.map(
    ({ id, position }): Operation => ({ op: "set", id, path: ["position"], value: { x: position.x + dx, y: position.y + dy } }),
  );
  commit(ops, { merge: `nudge ${nodes.map((node) => node.id).join(" ")}` });
}
