import { describe, expect, it } from "vitest";

import type { NodeType, ParamSchema } from "../boot";
import { connectionProblem, portsOf } from "./connections";
import { operationApply } from "./reducer";
import { marksOf, settingKept, settingOps, settingsFor, typeTreated } from "./treatment";
import { EMPTY, type GraphDocument, type GraphNode, type Params } from "./types";

const pass: NodeType = {
  type: "pass", version: 1, title: "Pass", category: "test", description: "", effect: "pure", lane: "inline", icon: "", params: {}, price: null,
  ports: { inputs: [{ name: "value", type: "any", title: "Value", required: false, many: false }], outputs: [{ name: "text", type: "text", title: "Text" }, { name: "image", type: "image", title: "Image" }] },
};
const words: NodeType = { ...pass, type: "words", ports: { inputs: [], outputs: [{ name: "text", type: "text", title: "Text" }] } };
const wait: NodeType = { ...pass, type: "wait", effect: "wait" };

const SETTINGS: Record<string, ParamSchema> = {
  $retry: { type: "object", required: ["times"], properties: { times: { type: "integer" }, backoff_s: { type: "number", default: 2 }, factor: { type: "number", default: 2 } } },
  $timeout_s: { type: "number" },
  $on_failure: { type: "string", enum: ["stop", "default", "branch"], default: "stop" },
  $default: { type: "object" },
  $always_new: { type: "boolean", default: false },
  $pin: { type: "object" },
  $fallback: { type: "array", format: "models" },
};

const node = (id: string, params: Params = {}): GraphNode => ({ id, type: "pass", version: 1, title: "", params, position: { x: 0, y: 0 } });
const branched: GraphDocument = {
  ...EMPTY,
  nodes: [node("a", { $on_failure: "branch" }), node("b")],
  edges: [{ id: "e", source: "a", source_port: "error", target: "b", target_port: "value" }],
};
const after = (doc: GraphDocument, name: string, value: Parameters<typeof settingOps>[4]): GraphDocument =>
  settingOps(doc, doc.nodes[0]!, pass, name, value).ops.reduce(operationApply, doc);

describe("the error output", () => {
  it("is there while failures take a branch, and is the same type each time", () => {
    const treated = typeTreated(pass, { $on_failure: "branch" });
    expect(treated.ports.outputs.at(-1)).toEqual({ name: "error", type: "json", title: "Error" });
    expect(typeTreated(pass, { $on_failure: "branch" })).toBe(treated);
    expect(typeTreated(pass, { $on_failure: "default" })).toBe(pass);
  });

  it("takes connections like any other, and only then", () => {
    const types = new Map([["pass", pass]]);
    const ends = { source: "a", source_port: "error", target: "b", target_port: "value" };
    const without = { ...branched, edges: [], nodes: [node("a"), node("b")] };
    expect(connectionProblem({ ...branched, edges: [] }, portsOf(branched, types), ends)).toBeNull();
    expect(connectionProblem(without, portsOf(without, types), ends)).not.toBeNull();
  });

  it("takes its connections along when it goes", () => {
    const { ops, cut } = settingOps(branched, branched.nodes[0]!, pass, "$on_failure", undefined);
    expect(cut).toBe(1);
    expect(ops.reduce(operationApply, branched).edges).toEqual([]);
  });

  it("leaves the connections of a type that has an error output of its own", () => {
    const own = { ...pass, ports: { ...pass.ports, outputs: [{ name: "error", type: "json" as const, title: "Error" }] } };
    expect(settingOps(branched, branched.nodes[0]!, own, "$on_failure", undefined).cut).toBe(0);
  });
});

describe("a setting", () => {
  it("is removed where it says no more than nothing does", () => {
    expect(settingKept("$on_failure", "stop", SETTINGS["$on_failure"])).toBeUndefined();
    expect(settingKept("$always_new", false, SETTINGS["$always_new"])).toBeUndefined();
    expect(settingKept("$pin", {}, SETTINGS["$pin"])).toBeUndefined();
    expect(settingKept("$retry", { times: 0, backoff_s: 5 }, SETTINGS["$retry"])).toBeUndefined();
    expect(settingKept("$retry", { backoff_s: 5 }, SETTINGS["$retry"])).toBeUndefined();
    expect(settingKept("$timeout_s", undefined, SETTINGS["$timeout_s"])).toBeUndefined();
  });

  it("keeps what differs from the defaults", () => {
    expect(settingKept("$retry", { times: 3, backoff_s: 2, factor: 4 }, SETTINGS["$retry"])).toEqual({ times: 3, factor: 4 });
    expect(settingKept("$timeout_s", 30, SETTINGS["$timeout_s"])).toBe(30);
  });

  it("leaves no trace when it is taken back", () => {
    const doc = { ...branched, edges: [], nodes: [node("a", {})] };
    const chosen = after(doc, "$on_failure", "default");
    expect(chosen.nodes[0]!.params).toEqual({ $on_failure: "default", $default: { text: "" } });
    expect(after(chosen, "$on_failure", undefined).nodes[0]!.params).toEqual({});
  });

  it("is offered only where it makes sense", () => {
    expect(settingsFor(pass, {}, SETTINGS)).toEqual(["$retry", "$timeout_s", "$on_failure", "$always_new", "$pin"]);
    expect(settingsFor(wait, {}, SETTINGS)).toEqual(["$on_failure", "$pin"]);
    expect(settingsFor(words, {}, SETTINGS)).toEqual(["$pin"]);
    expect(settingsFor({ ...pass, effect: "write" }, {}, SETTINGS)).not.toContain("$always_new");
  });

  it("that is set can always be seen and removed", () => {
    expect(settingsFor(wait, { $retry: { times: 1 } }, SETTINGS)).toContain("$retry");
  });
});

it("marks what is worth knowing at a glance", () => {
  expect(marksOf({ prompt: "x", $retry: { times: 3 }, $pin: { text: "a" }, $always_new: true }).map(({ kind, figure }) => kind + figure)).toEqual(["pin", "new", "retry3"]);
  expect(marksOf({ $retry: { times: 0 }, $on_failure: "stop" })).toEqual([]);
});

describe("models to ask instead", () => {
  const asks: NodeType = { ...pass, type: "asks", effect: "paid", price: { models: "text" } };
  it("are for nodes that ask a model", () => {
    expect(settingsFor(asks, {}, SETTINGS)).toContain("$fallback");
    expect(settingsFor(pass, {}, SETTINGS)).not.toContain("$fallback");
    expect(settingsFor(pass, { $fallback: ["a/b"] }, SETTINGS)).toContain("$fallback");
  });
  it("are kept in their order, and not at all when there are none", () => {
    expect(settingKept("$fallback", ["c/d", "a/b"], SETTINGS["$fallback"])).toEqual(["c/d", "a/b"]);
    expect(settingKept("$fallback", [], SETTINGS["$fallback"])).toBeUndefined();
  });
});
