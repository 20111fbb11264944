/** To where a waiting step is answered. */

import { t, tn } from "../i18n";
import { gridOpen } from "../store/compare";
import { requestKind, useRun, type NodeStatus } from "../store/run";
import { workshop } from "../store/workshop";

/** The page of the approval, the run's approvals where several items wait, or the step on the run's page: there is a callback's address. */
export function answerUrl(place: string, run: string, node: string, { request, item = 0, asks = 1 }: NodeStatus): string {
  if (requestKind(request) !== "approval") return `${place}/runs/${run}/#step=${node}.${item}`;
  return asks > 1 ? `${place}/approvals/?run=${run}` : `${place}/approvals/${run}/${node}/${item}/`;
}

export function AnswerLink({ node, status }: { node: string; status: NodeStatus }): React.ReactElement | null {
  const run = useRun((state) => state.run?.id);
  const { asks = 1, request, state } = status;
  if (state === "waiting" && requestKind(request) === "choice") return <button type="button" className="link nodrag text-xs" onClick={() => gridOpen(node)}>{t("Choose a variant")}</button>;
  if (state !== "waiting" || requestKind(request) === null || !run) return null;
  // Guests have no approvals.
  if (requestKind(request) === "approval" && workshop().mount.role === "guest") return null;
  const approvals = asks > 1 ? tn("Open %(count)s approval", "Open %(count)s approvals", asks) : t("Open the approval");
  return (
    <a className="link nodrag text-xs" href={answerUrl(`/w/${workshop().mount.workspace}`, run, node, status)}>
      {requestKind(request) === "approval" ? approvals : t("Open the run")}
    </a>
  );
}
