import { expect, it } from "vitest";

import type { NodeStatus } from "../store/run";
import { answerUrl } from "./AnswerLink";

const waiting = (more: Partial<NodeStatus>): NodeStatus => ({ state: "waiting", progress: null, cost: null, message: "", error: "", outputs: [], ...more });
const urlOf = (more: Partial<NodeStatus>): string => answerUrl("/w/mill", "r1", "ask", waiting(more));

it("leads to what is waited for", () => {
  expect(urlOf({ request: { kind: "approval" } })).toBe("/w/mill/approvals/r1/ask/0/");
  expect(urlOf({ request: { kind: "approval" }, item: 2 })).toBe("/w/mill/approvals/r1/ask/2/");
  expect(urlOf({ request: { kind: "callback" }, item: 2 })).toBe("/w/mill/runs/r1/#step=ask.2");
});

it("leads to all approvals of the run where several items wait", () => {
  expect(urlOf({ request: { kind: "approval" }, item: 1, asks: 3 })).toBe("/w/mill/approvals/?run=r1");
});
