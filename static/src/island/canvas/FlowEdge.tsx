/** An edge in the hue of what it carries; it pulses while data is on its way into a running node. */

import { BaseEdge, getBezierPath, type EdgeProps } from "@xyflow/react";
import { memo } from "react";

import { portColour } from "../store/catalogue";
import type { FlowEdge as FlowEdgeData } from "../store/flow";
import { actionOf, plannedOf, usePlan, type Planned } from "../store/plan";
import { useRun } from "../store/run";

/** A handle is larger than its mark, to be hit easily; an edge begins at the mark. */
const INSET = 8;

/** Nothing new flows into a node that a plan reuses or leaves out. */
const isIdle = (planned: Planned | undefined): boolean => planned !== undefined && (planned === "outside" || !["run", "maybe"].includes(actionOf(planned)));

export const FlowEdge = memo(function FlowEdge(props: EdgeProps<FlowEdgeData>): React.ReactElement {
  const { id, source, target, data, selected } = props;
  const [path] = getBezierPath({ ...props, sourceX: props.sourceX - INSET, targetX: props.targetX + INSET });
  const flowing = useRun(({ status }) => {
    const into = status[target]?.state;
    return (into === "running" || into === "waiting") && status[source] !== undefined;
  });
  const skipped = useRun(({ status }) => status[target]?.state === "skipped" || status[source]?.state === "skipped");
  const idle = usePlan((plan) => isIdle(plannedOf(plan, target)));
  return (
    <BaseEdge
      id={id}
      path={path}
      interactionWidth={18}
      className={`edge ${flowing ? "edge-flowing" : ""} ${skipped ? "edge-skipped" : ""} ${idle ? "edge-idle" : ""} ${selected ? "edge-selected" : ""}`}
      style={{ stroke: portColour(data?.portType) }}
    />
  );
});
