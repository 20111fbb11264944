/** On a narrow screen: what the nodes made, one below the other. */

import { Ellipsis, History } from "lucide-react";

import { VariantSheet } from "../compare/Comparison";
import { sheetOf } from "../store/compare";
import { AnswerLink } from "../canvas/AnswerLink";
import { Preview, Writing } from "../canvas/Preview";
import { statusLines } from "../canvas/statusWords";
import { NodeIcon, StateMark, stateName } from "../icons";
import { t } from "../i18n";
import { Said } from "../Said";
import { nodeMenuOpen } from "../menu/NodeMenu";
import { PlanButton, RunMenu } from "../menu/RunMenu";
import { PlanPanel } from "../plan/PlanPanel";
import { formatCredits } from "../runbar/credits";
import { nodeTitle, nodeTypeOf } from "../store/catalogue";
import { useDocument } from "../store/document";
import { shownState, useRun } from "../store/run";
import type { GraphNode } from "../document/types";

function Entry({ node }: { node: GraphNode }): React.ReactElement | null {
  const status = useRun((state) => state.status[node.id]);
  if (!status || !(status.outputs.length || status.error || status.would || status.state === "running" || status.state === "waiting" || status.againAt)) return null;
  const menu = (event: React.MouseEvent): void => {
    const box = event.currentTarget.getBoundingClientRect();
    nodeMenuOpen(node.id, { x: box.right - 264, y: box.bottom });
  };
  return (
    <li className="feed-entry">
      <div className="node-header">
        <NodeIcon name={nodeTypeOf(node)?.icon} />
        <span className="grow truncate font-medium">{nodeTitle(node)}</span>
        <span className="text-xs text-base-content/70">{status.cost ? formatCredits(status.cost) : stateName(shownState(status))}</span>
        <StateMark state={shownState(status)} />
        <button type="button" className="btn btn-ghost btn-sm btn-square" aria-haspopup="menu" aria-label={t("Menu of %(node)s", { node: nodeTitle(node) })} onClick={menu}><Ellipsis size={16} aria-hidden="true" /></button>
      </div>
      {statusLines(status).map((line) => <p key={line} className="node-reason"><Said text={line} /></p>)}
      <AnswerLink node={node.id} status={status} />
      {status.text ? <Writing text={status.text} /> : sheetOf(status.request) ? <VariantSheet node={node.id} outputs={status.outputs} request={status.request} /> : <Preview outputs={status.outputs} large />}
    </li>
  );
}

export function Feed(): React.ReactElement {
  const nodes = useDocument(({ document }) => document.nodes);
  const any = useRun((state) => Object.keys(state.status).length > 0);
  return (
    <section className="feed" aria-label={t("Results")} tabIndex={0}>
      <PlanPanel />
      <header className="flex items-center gap-1 pl-4 pr-3 pt-2">
        <h2 className="panel-heading grow">{t("Results")}</h2>
        <PlanButton />
        <button type="button" className="btn btn-sm btn-square btn-ghost" data-opens="#versions" aria-label={t("Versions")} title={t("Versions")}><History size={15} aria-hidden="true" /></button>
        <RunMenu />
      </header>
      {any ? <ul className="feed-list">{[...nodes].reverse().map((node) => <Entry key={node.id} node={node} />)}</ul> : <p className="field-about px-4 pb-6">{t("Results of a run appear here. To change the workflow, open it on a wider screen.")}</p>}
    </section>
  );
}
