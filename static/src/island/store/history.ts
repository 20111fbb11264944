/** Undo and redo of one person: the inverse of what they did, not a picture of the past. */

import { operationsInverse } from "../document/inverse";
import type { GraphDocument, Operation } from "../document/types";

interface Step {
  /** What was done, to see whether somebody else has changed the same field since. */
  done: readonly Operation[];
  back: readonly Operation[];
  mergeKey: string | null;
  time: number;
}

const LONGEST = 200;
const MERGE_MS = 1_500;

const asText = (value: unknown): string => JSON.stringify(value);

/** True while a field still has the value that `op` gave it; anything that is not a field is always ours to undo. */
function stillOurs(doc: GraphDocument, op: Operation): boolean {
  if (op.op !== "set") return true;
  const node = doc.nodes.find((each) => each.id === op.id);
  if (!node) return false;
  const [field, name] = op.path;
  const now = field === "params" ? node.params[name!] : field === "type_version" ? node.version : node[field];
  return asText(now) === asText(op.value);
}

export class History {
  private undoSteps: Step[] = [];
  private redoSteps: Step[] = [];

  /** Notes a change about to be applied to `doc`. Changes with the same key in quick succession make one step. */
  note(doc: GraphDocument, ops: readonly Operation[], mergeKey: string | null, now: number): void {
    const back = operationsInverse(doc, ops);
    if (!back.length) return;
    const last = this.undoSteps.at(-1);
    this.redoSteps = [];
    if (mergeKey && last?.mergeKey === mergeKey && now - last.time < MERGE_MS) {
      this.undoSteps[this.undoSteps.length - 1] = { ...last, done: ops, time: now };
      return;
    }
    this.undoSteps = [...this.undoSteps.slice(1 - LONGEST), { done: ops, back, mergeKey, time: now }];
  }

  /** Operations that undo the last step, or null when there is none. `skipped`: what others changed since. */
  undo(doc: GraphDocument): { ops: Operation[]; skipped: boolean } | null {
    return this.move(this.undoSteps, this.redoSteps, doc);
  }

  redo(doc: GraphDocument): { ops: Operation[]; skipped: boolean } | null {
    return this.move(this.redoSteps, this.undoSteps, doc);
  }

  private move(from: Step[], to: Step[], doc: GraphDocument): { ops: Operation[]; skipped: boolean } | null {
    const step = from.pop();
    if (!step) return null;
    const lost = step.done.filter((op) => !stillOurs(doc, op)).map(fieldKey);
    const ops = step.back.filter((op) => op.op !== "set" || !lost.includes(fieldKey(op)));
    if (ops.length) to.push({ done: ops, back: operationsInverse(doc, ops), mergeKey: null, time: 0 });
    return { ops: [...ops], skipped: lost.length > 0 };
  }
}

function fieldKey(op: Operation): string {
  return op.op === "set" ? asText([op.id, op.path]) : "";
}
