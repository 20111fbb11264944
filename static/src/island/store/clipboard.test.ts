import { describe, expect, it } from "vitest";

import { fragmentRead } from "./clipboard";

const node = { id: "a", type: "input.text" };
const graph = { format: "millrace/1", nodes: [node], edges: [] };

describe("pasted text", () => {
  it("may be a workflow", () => expect(fragmentRead(JSON.stringify(graph))?.nodes).toEqual([node]));
  it("may be an API answer that holds one", () => expect(fragmentRead(JSON.stringify({ id: "w", graph }))?.nodes).toEqual([node]));
  it.each([
    ["words", "A harbour at dusk"],
    ["a number", "42"],
    ["null", "null"],
    ["JSON of something else", '{"nodes": []}'],
    ["another format", JSON.stringify({ ...graph, format: "other/1" })],
    ["a malformed node", JSON.stringify({ ...graph, nodes: [{ id: "a b", type: "x" }] })],
    ["a malformed edge", JSON.stringify({ ...graph, edges: [{ id: "e" }] })],
  ])("is not a workflow when it is %s", (_, text) => expect(fragmentRead(text)).toBeNull());
});
