/** To where a waiting step is answered. */

import { t } from "../i18n";
import { requestKind, useRun, type NodeStatus } from "../store/run";
import { workshop } from "../store/workshop";

/** The page to answer on: the request's own, the approvals that wait, else the run's. */
function answerUrl(request: unknown, run: string): string {
  const own = (request as { url?: unknown } | null)?.url;
  if (typeof own === "string" && own.startsWith("/") && !own.startsWith("//")) return own;
  const place = `/w/${workshop().mount.workspace}`;
  return requestKind(request) === "approval" ? `${place}/approvals/` : `${place}/runs/${run}/`;
}

export function AnswerLink({ status }: { status: NodeStatus }): React.ReactElement | null {
  const run = useRun((state) => state.run?.id);
  if (status.state !== "waiting" || requestKind(status.request) === null || !run) return null;
  return <a className="link nodrag text-xs" href={answerUrl(status.request, run)}>{requestKind(status.request) === "approval" ? t("Approve or refuse") : t("Open the run")}</a>;
}
