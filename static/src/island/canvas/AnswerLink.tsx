/** To where a waiting step is answered. */

import { t } from "../i18n";
import { requestKind, useRun, type NodeStatus } from "../store/run";
import { workshop } from "../store/workshop";

/** The page of the approval, or the step on the page of its run: there is a callback's address. */
function answerUrl(run: string, node: string, { request, item = 0 }: NodeStatus): string {
  const place = `/w/${workshop().mount.workspace}`;
  return requestKind(request) === "approval" ? `${place}/approvals/${run}/${node}/${item}/` : `${place}/runs/${run}/#step=${node}.${item}`;
}

export function AnswerLink({ node, status }: { node: string; status: NodeStatus }): React.ReactElement | null {
  const run = useRun((state) => state.run?.id);
  if (status.state !== "waiting" || requestKind(status.request) === null || !run) return null;
  return <a className="link nodrag text-xs" href={answerUrl(run, node, status)}>{requestKind(status.request) === "approval" ? t("Open the approval") : t("Open the run")}</a>;
}
