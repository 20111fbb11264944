/** What there is to say about a step beyond its state: why it was reused, which try it is, what it would have done. */

import { t } from "../i18n";
import { requestKind, shownState, type NodeStatus } from "../store/run";

function timeOf(at: string): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? at : date.toLocaleTimeString(document.documentElement.lang || undefined);
}

/** “Reused: …” is a sentence of its own; what made a step run is a part of one. */
export function reasonLine({ state, reason }: NodeStatus): string {
  if (!reason) return "";
  return state === "cached" ? reason : t("Why it ran: %(reason)s", { reason });
}

/** Which try is under way or comes next; 1 is the first. */
export const tryOf = (status: NodeStatus): number => (status.attempt ?? 1) + (shownState(status) === "retrying" ? 1 : 0);

export function retryLine(status: NodeStatus): string {
  const attempt = tryOf(status);
  if (shownState(status) === "retrying") return t("Attempt %(attempt)s starts at %(time)s", { attempt, time: timeOf(status.againAt ?? "") });
  return attempt > 1 ? t("Attempt %(attempt)s", { attempt }) : "";
}

export function waitingLine({ state, request }: NodeStatus): string {
  if (state !== "waiting") return "";
  const kind = requestKind(request);
  if (kind === null) return "";
  if (kind === "choice") return t("Waiting for a choice");
  if (kind === "approval") return t("Waiting for approval");
  return kind === "callback" ? t("Waiting for a callback") : t("Waiting for an answer");
}

/** Everything, one line each, what presses most first. */
export function statusLines(status: NodeStatus): string[] {
  const message = status.message === status.reason || status.text ? "" : status.message;
  return [...new Set([status.error, message, status.would ?? "", waitingLine(status), retryLine(status), reasonLine(status)])].filter(Boolean);
}
