import { expect, it } from "vitest";

import type { Estimate, PlannedStep } from "../api/client";
import { planPrice, reusedWhy } from "../plan/words";
import { valuesOf } from "./parts";
import { plannedOf, planSummary } from "./plan";

const step = (node: string, rest: Partial<PlannedStep> = {}): PlannedStep => ({ node, low: 0, high: 0, cached: false, effect: "pure", ...rest });
const plan: Estimate = {
  low: 0,
  high: 4_000_000,
  steps: [
    step("a", { action: "reuse", cached: true, would: "It would write." }),
    step("b", { action: "run", effect: "paid", high: 4_000_000 }),
    step("c", { action: "maybe", effect: "write", would: "It would write." }),
    step("d", { action: "skip" }),
    step("e", { cached: true }),
  ],
};
const open = { open: true, plan, ask: {}, stale: false, loading: false, problem: "", limit: null };

it("counts what is done with the steps; a server that says only a hit or not is understood", () => {
  const { writes, ...counts } = planSummary(plan);
  expect(counts).toEqual({ run: 1, reuse: 2, skip: 1, maybe: 1 });
  expect(writes.map(({ node }) => node)).toEqual(["c"]);
});

it("says of every node what the plan says, and that the others are outside of it", () => {
  expect(plannedOf(open, "b")).toBe(plan.steps[1]);
  expect(plannedOf(open, "z")).toBe("outside");
  expect(plannedOf({ ...open, open: false }, "b")).toBeUndefined();
  expect(plannedOf({ ...open, plan: null }, "b")).toBeUndefined();
});

it("does not say twice that something is reused", () => {
  expect(reusedWhy("Reused: nothing has changed")).toBe("nothing has changed");
  expect(reusedWhy("Pinned output")).toBe("Pinned output");
  expect(reusedWhy(null)).toBe("");
});

it("puts the values of several items together by port", () => {
  expect(valuesOf([{ text: "a" }])).toEqual({ text: "a" });
  expect(valuesOf([{ text: "a" }, null, { text: "b", n: 1 }])).toEqual({ text: ["a", "b"], n: [null, 1] });
  expect(valuesOf([])).toEqual({});
});

it("names a price only where there is one", () => {
  const document = { documentElement: { lang: "en" } };
  Object.assign(globalThis, { document });
  expect(planPrice(plan.steps[1]!)).toBe("0–4 credits");
  expect(planPrice(plan.steps[0]!)).toBe("");
  expect(planPrice(plan.steps[4]!)).toBe("");
  expect(planPrice({ ...plan.steps[1]!, per_item: true })).toBe("from 0–4 credits");
  expect(planPrice({ ...plan.steps[1]!, low: 4_000_000, per_item: true })).toBe("from 4 credits");
});
