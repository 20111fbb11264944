/** Above a node while a plan is shown: whether it runs, why not, what it costs, what it writes outside. */

import { CircleHelp, CircleSlash2, Play, Send, SkipForward, Zap } from "lucide-react";

import { Said } from "../Said";
import { usePlan, plannedOf } from "../store/plan";
import { actionName, planAction, planPrice, reusedWhy, type PlanAction } from "./words";

export function ActionIcon({ action, size = 12 }: { action: PlanAction; size?: number }): React.ReactElement {
  const Icon = { run: Play, reuse: Zap, skip: SkipForward, maybe: CircleHelp, outside: CircleSlash2 }[action];
  return <Icon size={size} aria-hidden="true" className="action-icon shrink-0" {...(action === "run" ? { fill: "currentColor" } : {})} />;
}

export function PlanTag({ id }: { id: string }): React.ReactElement | null {
  const planned = usePlan((state) => plannedOf(state, id));
  if (!planned || planned === "outside") return null;
  const action = planAction(planned);
  const { reason, would } = planned;
  const price = planPrice(planned);
  return (
    <div className="plan-tag" data-action={action} data-priced={price !== ""} title={[actionName(action), reason, would].filter(Boolean).join(" · ")}>
      <p className="plan-tag-line">
        <ActionIcon action={action} />
        <b className="truncate">{actionName(action)}</b>
        <span className="plan-tag-reason"><Said text={(action === "reuse" ? reusedWhy(reason) : reason) ?? ""} /></span>
        {price ? <span className="plan-tag-price">{price}</span> : null}
      </p>
      {would && (action === "run" || action === "maybe") ? <p className="plan-tag-would"><Send aria-hidden="true" className="shrink-0" /><span>{would}</span></p> : null}
    </div>
  );
}
