/** A node on the canvas. */

import { useUpdateNodeInternals, type NodeProps } from "@xyflow/react";
import { Ellipsis } from "lucide-react";
import { memo, useEffect, useRef } from "react";

import type { GraphError } from "../api/client";
import type { NodeType } from "../boot";
import type { GraphNode } from "../document/types";
import { NodeIcon, StateMark, stateName } from "../icons";
import { t } from "../i18n";
import { formatCredits, formatPrice } from "../runbar/credits";
import { nodeMenuOpen } from "../menu/NodeMenu";
import { PlanTag } from "../plan/PlanTag";
import { planAction } from "../plan/words";
import { nodeTypeOf } from "../store/catalogue";
import type { StepNode as StepNodeData } from "../store/flow";
import { plannedOf, usePlan } from "../store/plan";
import { errorsOf, shownState, useRun } from "../store/run";
import { useUi } from "../store/ui";
import { NodeBody } from "./NodeBody";
import { NodeMarks } from "./NodeMarks";
import { Port } from "./Port";
import { retryLine, statusLines, tryOf } from "./statusWords";

function Ports({ node, type, errors }: { node: GraphNode; type: NodeType; errors: GraphError[] }): React.ReactElement {
  const problemAt = (port: string): string | undefined => errors.find((error) => error.port === port)?.message;
  return (
    <div className="grid grid-cols-2 pb-2">
      <div className="min-w-0">
        {type.ports.inputs.map(({ name, title, type: kind, required }) => (
          <Port key={name} node={node.id} name={name} title={title} type={kind} side="target" required={required} problem={problemAt(name)} />
        ))}
      </div>
      <div className="min-w-0">
        {type.ports.outputs.map(({ name, title, type: kind }) => (
          <Port key={name} node={node.id} name={name} title={title} type={kind} side="source" required={false} problem={undefined} />
        ))}
      </div>
    </div>
  );
}

/** What it cost, or what it would cost. */
function Price({ id }: { id: string }): React.ReactElement | null {
  const cost = useRun((state) => state.status[id]?.cost ?? null);
  const step = useRun((state) => state.estimate?.steps.find((each) => each.node === id));
  const planning = usePlan((state) => state.open);
  const done = useRun((state) => ["completed", "failed", "cancelled"].includes(state.status[id]?.state ?? ""));
  if (planning) return null;
  if (cost !== null && cost > 0 && done) return <span title={t("What it cost")}>{formatCredits(cost)}</span>;
  if (!step || (step.high === 0 && step.effect !== "paid")) return null;
  const text = step.cached ? t("free, reused") : formatPrice(step);
  return <span title={t("Cost in the next run")}>{text}</span>;
}

function Progress({ id }: { id: string }): React.ReactElement | null {
  const live = useRun((state) => state.status[id]?.state === "running" || state.status[id]?.state === "waiting");
  const progress = useRun((state) => state.status[id]?.progress ?? null);
  if (!live) return null;
  const known = progress !== null && progress > 0;
  return (
    <div
      className={`node-progress ${known ? "" : "node-progress-unknown"}`}
      role="progressbar"
      aria-label={t("Progress")}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={known ? Math.round(progress * 100) : undefined}
    >
      <div style={{ transform: `scaleX(${known ? Math.min(progress, 1) : 1})` }} />
    </div>
  );
}

function Header({ node, type }: { node: GraphNode; type: NodeType | undefined }): React.ReactElement {
  const status = useRun((run) => run.status[node.id]);
  const attempt = status ? tryOf(status) : 1;
  return (
    <header className="node-header">
      <NodeIcon name={type?.icon} size={15} />
      <span className="grow truncate font-medium">{node.title || type?.title || node.type}</span>
      <span className="text-base-content/70 text-xs whitespace-nowrap">
        <Price id={node.id} />
      </span>
      {status && attempt > 1 && status.state !== "cached" ? <span className="node-attempt" title={retryLine(status)}>{t("try %(attempt)s", { attempt })}</span> : null}
      {status ? <StateMark state={shownState(status)} why={[stateName(shownState(status)), ...statusLines(status)].join("\n")} /> : null}
      <NodeMenuButton id={node.id} />
    </header>
  );
}

/** The way to the node's menu for pointers and fingers; by key it is M. */
function NodeMenuButton({ id }: { id: string }): React.ReactElement {
  const open = useUi((state) => state.nodeMenu?.node === id);
  return (
    <button
      type="button"
      className="node-menu-button nodrag"
      tabIndex={-1}
      aria-haspopup="menu"
      aria-expanded={open}
      aria-label={t("Menu of the node")}
      title={t("Run to here, pin, and more (M)")}
      onClick={(event) => {
        event.stopPropagation();
        const box = event.currentTarget.getBoundingClientRect();
        nodeMenuOpen(id, { x: box.left, y: box.bottom + 4 });
      }}
    >
      <Ellipsis size={15} aria-hidden="true" />
    </button>
  );
}

/** React Flow has measured where the ports are; with another set of ports it must measure again. */
function usePortsMeasured(id: string, type: NodeType | undefined): void {
  const measure = useUpdateNodeInternals();
  const ports = type?.ports;
  const first = useRef(ports);
  useEffect(() => {
    if (first.current !== ports) measure(id);
    first.current = ports;
  }, [id, ports, measure]);
}

export const StepNode = memo(function StepNode({ data, selected }: NodeProps<StepNodeData>): React.ReactElement {
  const { node } = data;
  const type = nodeTypeOf(node);
  usePortsMeasured(node.id, type);
  const errors = useRun((state) => errorsOf(state.errors, node.id));
  const state = useRun((run) => {
    const status = run.status[node.id];
    return status ? shownState(status) : "none";
  });
  const action = usePlan((plan) => {
    const planned = plannedOf(plan, node.id);
    return planned && planAction(planned);
  });
  const general = errors.filter((error) => !type?.ports.inputs.some((port) => port.name === error.port));
  return (
    <article className="node" data-state={state} data-selected={selected} data-problem={errors.length > 0} data-node={node.id} data-plan={action}>
      {action ? <PlanTag id={node.id} /> : null}
      <Header node={node} type={type} />
      <Progress id={node.id} />
      {type ? <Ports node={node} type={type} errors={errors} /> : <p className="node-reason">{t("This node type is not known here.")}</p>}
      <NodeBody node={node} type={type} />
      <NodeMarks params={node.params} />
      {general.map((error) => (
        <p key={error.code + error.message} className="node-reason" style={{ color: "var(--state-failed)" }}>
          {error.message}
        </p>
      ))}
    </article>
  );
});
