/** The plan: what a run would do, shown on the canvas until somebody closes it. */

import { create } from "zustand";

import { ApiError, type Estimate, type PlannedStep, type RunAsk, type StepAction } from "../api/client";
import { runsSame } from "../document/parts";
import { t } from "../i18n";
import { documentNow, useDocument } from "./document";
import { useRun } from "./run";
import { workshop } from "./workshop";

export type Planned = PlannedStep | "outside";

interface PlanState {
  open: boolean;
  /** The part of the graph that is planned; empty for all of it. */
  ask: RunAsk;
  plan: Estimate | null;
  /** The graph has changed since this plan was made. */
  stale: boolean;
  loading: boolean;
  problem: string;
  /** In micro-credits: a run stops before the step that would pass it. */
  limit: number | null;
}

const CLOSED: PlanState = { open: false, ask: {}, plan: null, stale: false, loading: false, problem: "", limit: null };

export const usePlan = create<PlanState>(() => CLOSED);

const isWhole = ({ targets, from_node, inputs }: RunAsk): boolean => !targets && !from_node && !inputs;

let round = 0;

export function planShow(ask: RunAsk = {}): void {
  const known = isWhole(ask) ? useRun.getState().estimate : null;
  const { limit } = usePlan.getState();
  usePlan.setState({ ...CLOSED, open: true, ask, plan: known, limit });
  void planLoad();
}

export function planClose(): void {
  round += 1;
  usePlan.setState({ open: false, plan: null, ask: {}, stale: false, loading: false, problem: "" });
}

export function planToggle(): void {
  if (usePlan.getState().open) planClose();
  else planShow();
}

/** Asks for the plan anew, once every change has reached the server. */
async function planLoad(): Promise<void> {
  const { api, log, mount } = workshop();
  round += 1;
  const mine = round;
  usePlan.setState({ loading: true, problem: "" });
  const save = useDocument.getState().save.state;
  if (save === "offline" || save === "stopped") {
    return usePlan.setState({ loading: false, stale: true, problem: t("Your last changes are not saved yet.") });
  }
  try {
    await log.flushed();
    const before = documentNow();
    const plan = await api.estimate(mount.workflow, usePlan.getState().ask);
    if (mine === round) usePlan.setState({ plan, loading: false, stale: !runsSame(before, documentNow()) });
  } catch (error) {
    if (mine === round) planRefused(error);
  }
}

function planRefused(error: unknown): void {
  if (!(error instanceof ApiError)) throw error;
  const errors = error.problem.errors ?? [];
  if (errors.length) useRun.setState({ errors });
  const marked = errors.some((each) => each.node);
  usePlan.setState({ plan: null, loading: false, stale: false, problem: marked ? t("Fix the marked problems first.") : error.message });
}

/** The graph was checked again: the plan follows. `estimate` is that of the whole graph, null where it has mistakes. */
export function planFollow(estimate: Estimate | null): void {
  const { open, ask } = usePlan.getState();
  if (!open) return;
  if (!estimate || !isWhole(ask)) return void planLoad();
  round += 1;
  usePlan.setState({ plan: estimate, stale: false, loading: false, problem: "" });
}

useDocument.subscribe(({ document }, { document: before }) => {
  const { open, stale } = usePlan.getState();
  if (open && !stale && !runsSame(before, document)) usePlan.setState({ stale: true });
});

/** What is done with a step: said by the server, or by an older one only as a hit or not. */
export const actionOf = ({ action, cached }: PlannedStep): StepAction => action ?? (cached ? "reuse" : "run");

const index = new WeakMap<Estimate, Map<string, PlannedStep>>();

/** What the plan says of a node, the same object as long as the plan is the same; undefined while none is shown. */
export function plannedOf({ open, plan }: PlanState, node: string): Planned | undefined {
  if (!open || !plan) return undefined;
  let found = index.get(plan);
  if (!found) {
    found = new Map(plan.steps.map((step) => [step.node, step]));
    index.set(plan, found);
  }
  return found.get(node) ?? "outside";
}

export interface PlanSummary {
  run: number;
  reuse: number;
  skip: number;
  maybe: number;
  writes: PlannedStep[];
}

export function planSummary({ steps }: Estimate): PlanSummary {
  const count = (action: StepAction): number => steps.filter((step) => actionOf(step) === action).length;
  return { run: count("run"), reuse: count("reuse"), skip: count("skip"), maybe: count("maybe"), writes: steps.filter((step) => step.would && ["run", "maybe"].includes(actionOf(step))) };
}
