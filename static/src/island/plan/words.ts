/** The plan in words. */

import type { PlannedStep, StepAction } from "../api/client";
import { t } from "../i18n";
import { formatPrice } from "../runbar/credits";
import { actionOf, type Planned } from "../store/plan";

export type PlanAction = StepAction | "outside";

export const planAction = (planned: Planned): PlanAction => (planned === "outside" ? "outside" : actionOf(planned));

export function actionName(action: PlanAction): string {
  const names: Record<PlanAction, string> = { run: t("Runs"), reuse: t("Reused"), skip: t("Skipped"), maybe: t("May run"), outside: t("Not in this run") };
  return names[action];
}

/** The reason of a reuse without the word that already stands before it: “Reused: nothing changed” says it twice. */
export function reusedWhy(reason: string | null | undefined): string {
  const [first, ...rest] = (reason ?? "").split(/[:：]\s*/);
  return rest.length && first === actionName("reuse") ? rest.join(": ") : (reason ?? "");
}

/** What it costs, where there is something to say about it. */
export function planPrice(step: PlannedStep): string {
  if (["reuse", "skip"].includes(actionOf(step))) return "";
  return step.high > 0 || step.effect === "paid" ? formatPrice(step) : "";
}
