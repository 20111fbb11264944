import { describe, expect, it } from "vitest";

import { operationsApply } from "../document/reducer";
import { EMPTY, type GraphDocument, type Operation } from "../document/types";
import { History } from "./history";

const title = (value: string): Operation => ({ op: "set", id: "n1", path: ["title"], value });
const apply = (doc: GraphDocument, ops: readonly Operation[]): GraphDocument => operationsApply(doc, ops).document;
const start = apply(EMPTY, [{ op: "add_node", node: { id: "n1", type: "input.text", title: "start" } }]);

/** Does something as one step of the history. */
function act(history: History, doc: GraphDocument, ops: Operation[], key: string | null = null, now = 0): GraphDocument {
  history.note(doc, ops, key, now);
  return apply(doc, ops);
}

describe("undo and redo", () => {
  it("takes a step back and forward again", () => {
    const history = new History();
    const changed = act(history, start, [title("x")]);
    const undone = apply(changed, history.undo(changed)!.ops);
    expect(undone).toEqual(start);
    expect(apply(undone, history.redo(undone)!.ops)).toEqual(changed);
    expect(history.redo(changed)).toBeNull();
  });

  it("undoes what one person typed in one go as one step", () => {
    const history = new History();
    const typed = ["a", "ab", "abc"].reduce((doc, text, i) => act(history, doc, [title(text)], "n1.title", i * 300), start);
    expect(apply(typed, history.undo(typed)!.ops)).toEqual(start);
  });

  it("brings a removed node back with its edges", () => {
    const edge = { id: "e", source: "n1", source_port: "text", target: "n2", target_port: "values" };
    const doc = apply(start, [{ op: "add_node", node: { id: "n2", type: "flow.template" } }, { op: "add_edge", edge }]);
    const history = new History();
    const removed = act(history, doc, [{ op: "remove_node", id: "n2" }]);
    expect(apply(removed, history.undo(removed)!.ops)).toEqual(doc);
  });

  it("leaves what somebody else has changed since", () => {
    const history = new History();
    const mine = act(history, start, [title("mine"), { op: "set", id: "n1", path: ["params", "text"], value: "hello" }]);
    const theirs = apply(mine, [title("theirs")]);
    const { ops, skipped } = history.undo(theirs)!;
    expect(skipped).toBe(true);
    expect(apply(theirs, ops).nodes[0]).toMatchObject({ title: "theirs", params: {} });
  });
});
