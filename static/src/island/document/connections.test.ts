import { describe, expect, it } from "vitest";

import type { NodeType, PortType } from "../boot";
import { connectionProblem, portsOf, typesFit } from "./connections";
import type { GraphDocument } from "./types";

const TYPES: PortType[] = ["text", "number", "boolean", "json", "image", "video", "audio", "asset", "table", "any"];

/** What apps/engine/types.py allows beside equal types and `any`. */
const WIDENINGS = [
  ["image", "asset"], ["video", "asset"], ["audio", "asset"], ["asset", "image"], ["asset", "video"], ["asset", "audio"],
  ["number", "text"], ["boolean", "text"], ["text", "json"], ["number", "json"], ["boolean", "json"],
].map(String);

describe("types", () => {
  it.each(TYPES.flatMap((source) => TYPES.map((target) => [source, target] as const)))("%s into %s", (source, target) => {
    const allowed = source === target || source === "any" || target === "any" || WIDENINGS.includes(String([source, target]));
    expect(typesFit(source, target)).toBe(allowed);
  });
});

const pass = (type: string, input: PortType, output: PortType): [string, NodeType] => [
  type,
  {
    type, version: 1, title: type, category: "test", description: "", effect: "pure", lane: "inline", icon: "", params: {}, price: null,
    ports: {
      inputs: [{ name: "in", type: input, title: "In", required: true, many: false }],
      outputs: [{ name: "out", type: output, title: "Out" }],
    },
  },
];
const catalogue = new Map([pass("words", "any", "text"), pass("picture", "image", "image")]);
const node = (id: string, type: string): GraphDocument["nodes"][number] => ({ id, type, version: 1, title: "", params: {}, position: { x: 0, y: 0 } });
const edge = (source: string, target: string): GraphDocument["edges"][number] => ({ id: source + target, source, source_port: "out", target, target_port: "in" });
const doc: GraphDocument = {
  format: "millrace/1", variables: {},
  nodes: [node("a", "words"), node("b", "words"), node("c", "words"), node("p", "picture"), node("x", "unknown")],
  edges: [edge("a", "b"), edge("b", "c")],
};
const problem = (source: string, target: string): string | null => connectionProblem(doc, portsOf(doc, catalogue), edge(source, target));

describe("connections", () => {
  it("may join what fits", () => expect(problem("a", "c")).toBeNull());
  it("says what gives and what takes", () => expect(problem("a", "p")).toBe("“Out” gives text; “In” takes image."));
  it("refuses a node to itself", () => expect(problem("a", "a")).toContain("itself"));
  it("refuses a circle, near or far", () => {
    expect(problem("b", "a")).toContain("circle");
    expect(problem("c", "a")).toContain("circle");
  });
  it("refuses ports that are not there", () => expect(problem("a", "x")).toContain("input"));
});
