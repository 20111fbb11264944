/** The plan in words. */

import type { PlannedStep } from "../api/client";
import { t } from "../i18n";
import { formatRange } from "../runbar/credits";
import { actionOf, type Planned } from "../store/plan";

export type PlanAction = "run" | "reuse" | "maybe" | "outside";

export const planAction = (planned: Planned): PlanAction => (planned === "outside" ? "outside" : actionOf(planned));

export function actionName(action: PlanAction): string {
  const names: Record<PlanAction, string> = { run: t("Runs"), reuse: t("Reused"), maybe: t("Perhaps"), outside: t("Not in this run") };
  return names[action];
}

/** What it costs, where there is something to say about it. */
export function planPrice(step: PlannedStep): string {
  if (actionOf(step) === "reuse") return "";
  return step.high > 0 || step.effect === "paid" ? formatRange(step.low, step.high) : "";
}
