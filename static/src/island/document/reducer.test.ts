import { readFileSync } from "node:fs";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { operationsInverse } from "./inverse";
import { MalformedOperation, operationsApply } from "./reducer";
import { EMPTY, type GraphDocument, type Operation } from "./types";

interface Vector {
  name: string;
  document: GraphDocument;
  ops: unknown[];
  expected: GraphDocument;
  effects: boolean[];
  refused?: { index: number; reason: string };
}

const vectors = JSON.parse(readFileSync("tests/vectors/operations.json", "utf8")) as Vector[];

/** Text comparison sees what toEqual does not: own `__proto__` keys. */
const asText = (value: unknown): string => JSON.stringify(sorted(value));

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, entry]) => [key, sorted(entry)]);
}

describe("the shared vectors", () => {
  it.each(vectors.map((vector) => [vector.name, vector] as const))("%s", (_, vector) => {
    if (vector.refused) {
      expect.assertions(2);
      try {
        operationsApply(vector.document, vector.ops);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedOperation);
        expect((error as MalformedOperation).index).toBe(vector.refused.index);
      }
      return;
    }
    const { document, effects } = operationsApply(vector.document, vector.ops);
    expect(asText(document)).toBe(asText(vector.expected));
    expect(effects).toEqual(vector.effects);
  });
});

const id = fc.constantFrom("a", "b", "c", "d");
const port = fc.constantFrom("p", "q");
const value = fc.jsonValue({ maxDepth: 2 }).filter((v) => !JSON.stringify(v).includes("\\u"));
const operation = fc.oneof(
  fc.record({ op: fc.constant("add_node"), node: fc.record({ id, type: fc.constant("test.pass") }) }),
  fc.record({ op: fc.constant("remove_node"), id }),
  fc.record({ op: fc.constant("set"), id, path: fc.tuple(fc.constant("params"), port), value }),
  fc.record({ op: fc.constant("set"), id, path: fc.tuple(fc.constant("params"), port) }),
  fc.record({ op: fc.constant("set"), id, path: fc.constant(["title"]), value: fc.string({ maxLength: 5, unit: "grapheme-ascii" }) }),
  fc.record({
    op: fc.constant("add_edge"),
    edge: fc.record({ id, source: id, source_port: port, target: id, target_port: port }),
  }),
  fc.record({ op: fc.constant("remove_edge"), id }),
  fc.record({ op: fc.constant("set_variable"), name: port, value }),
) as fc.Arbitrary<Operation>;
const operations = fc.array(operation, { maxLength: 40 });

/** Order in the lists is not restored by an undo: what was removed comes back last. */
const unordered = (doc: GraphDocument): string =>
  asText({
    ...doc,
    nodes: [...doc.nodes].sort((a, b) => (a.id < b.id ? -1 : 1)),
    edges: [...doc.edges].sort((a, b) => (a.id < b.id ? -1 : 1)),
  });

describe("properties", () => {
  it("never leaves an edge without its nodes", () => {
    fc.assert(
      fc.property(operations, (ops) => {
        const { document } = operationsApply(EMPTY, ops);
        const ids = new Set(document.nodes.map((node) => node.id));
        return document.edges.every((edge) => ids.has(edge.source) && ids.has(edge.target));
      }),
    );
  });

  it("takes any list of operations back", () => {
    fc.assert(
      fc.property(operations, operations, (before, ops) => {
        const start = operationsApply(EMPTY, before).document;
        const after = operationsApply(start, ops).document;
        const back = operationsApply(after, operationsInverse(start, ops)).document;
        return unordered(back) === unordered(start);
      }),
    );
  });

  it("gives the same document in one go and in two", () => {
    fc.assert(
      fc.property(operations, operations, (first, second) => {
        const once = operationsApply(EMPTY, [...first, ...second]).document;
        const twice = operationsApply(operationsApply(EMPTY, first).document, second).document;
        return asText(once) === asText(twice);
      }),
    );
  });
});
