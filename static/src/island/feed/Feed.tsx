/** On a narrow screen: what the nodes made, one below the other. */

import { Preview } from "../canvas/Preview";
import { NodeIcon, StateMark, stateName } from "../icons";
import { t } from "../i18n";
import { formatCredits } from "../runbar/credits";
import { nodeTitle, nodeType } from "../store/catalogue";
import { useDocument } from "../store/document";
import { useRun } from "../store/run";
import type { GraphNode } from "../document/types";

function Entry({ node }: { node: GraphNode }): React.ReactElement | null {
  const status = useRun((state) => state.status[node.id]);
  if (!status || !(status.outputs.length || status.error || status.state === "running" || status.state === "waiting")) return null;
  return (
    <li className="feed-entry">
      <div className="node-header">
        <NodeIcon name={nodeType(node.type)?.icon} />
        <span className="grow truncate font-medium">{nodeTitle(node)}</span>
        <span className="text-xs text-base-content/70">{status.cost ? formatCredits(status.cost) : stateName(status.state)}</span>
        <StateMark state={status.state} />
      </div>
      {status.error || status.message ? <p className="node-reason">{status.error || status.message}</p> : null}
      <Preview outputs={status.outputs} large />
    </li>
  );
}

export function Feed(): React.ReactElement {
  const nodes = useDocument(({ document }) => document.nodes);
  const any = useRun((state) => Object.keys(state.status).length > 0);
  return (
    <section className="feed" aria-label={t("Results")} tabIndex={0}>
      <h2 className="panel-heading px-4 pt-3">{t("Results")}</h2>
      {any ? <ul className="feed-list">{[...nodes].reverse().map((node) => <Entry key={node.id} node={node} />)}</ul> : <p className="field-about px-4 pb-6">{t("Results of a run appear here. To change the workflow, open it on a wider screen.")}</p>}
    </section>
  );
}
