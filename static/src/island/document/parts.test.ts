import { expect, it } from "vitest";

import { nodesAsked, runsSame, upstream } from "./parts";
import { EMPTY, type GraphDocument, type GraphNode } from "./types";

const node = (id: string): GraphNode => ({ id, type: "pass", version: 1, title: "", params: {}, position: { x: 0, y: 0 } });
const edge = (source: string, target: string): GraphDocument["edges"][number] => ({ id: source + target, source, source_port: "v", target, target_port: "v" });
const doc: GraphDocument = { ...EMPTY, nodes: ["a", "b", "c", "d"].map(node), edges: [edge("a", "b"), edge("b", "c"), edge("a", "d")] };

it("a part takes in what feeds it, and nothing else", () => {
  expect([...upstream(doc, ["c"])].sort()).toEqual(["a", "b", "c"]);
  expect([...upstream(doc, ["d", "b"])].sort()).toEqual(["a", "b", "d"]);
  expect(nodesAsked(doc, { targets: ["b"] })).toEqual(new Set(["a", "b"]));
  expect(nodesAsked(doc, { from_node: "b" })).toBeNull();
});

it("places and titles change nothing about a run", () => {
  const moved = { ...doc, nodes: doc.nodes.map((each) => ({ ...each, title: "New", position: { x: 9, y: 9 } })) };
  expect(runsSame(doc, moved)).toBe(true);
  const [first, ...rest] = doc.nodes;
  expect(runsSame(doc, { ...doc, nodes: [{ ...first!, params: { a: 1 } }, ...rest] })).toBe(false);
  expect(runsSame(doc, { ...doc, edges: [] })).toBe(false);
  expect(runsSame(doc, { ...doc, nodes: rest })).toBe(false);
});
