/** The plan in words. */

import type { PlannedStep, StepAction } from "../api/client";
import { t } from "../i18n";
import { formatRange } from "../runbar/credits";
import { actionOf, type Planned } from "../store/plan";

export type PlanAction = StepAction | "outside";

export const planAction = (planned: Planned): PlanAction => (planned === "outside" ? "outside" : actionOf(planned));

export function actionName(action: PlanAction): string {
  const names: Record<PlanAction, string> = { run: t("Runs"), reuse: t("Reused"), skip: t("Left out"), maybe: t("Perhaps"), outside: t("Not in this run") };
  return names[action];
}

/** What it costs, where there is something to say about it. */
export function planPrice(step: PlannedStep): string {
  if (["reuse", "skip"].includes(actionOf(step))) return "";
  return step.high > 0 || step.effect === "paid" ? formatRange(step.low, step.high) : "";
}
