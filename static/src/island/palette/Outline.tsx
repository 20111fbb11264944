/** The graph as a list: for finding a node by its name, and for people who do not see the canvas. */

import { useReactFlow } from "@xyflow/react";
import { useState } from "react";

import { NodeIcon, StateMark } from "../icons";
import { t } from "../i18n";
import { nodeTitle, nodeTypeOf } from "../store/catalogue";
import { useDocument } from "../store/document";
import { selectionKey, selectionSet, useFlow } from "../store/flow";
import { useRun } from "../store/run";

const SHOWN = 300;

export function Outline(): React.ReactElement {
  const { fitView } = useReactFlow();
  const [query, setQuery] = useState("");
  const nodes = useDocument(({ document }) => document.nodes);
  const selected = useFlow(selectionKey).split("\n");
  const status = useRun((state) => state.status);
  const found = nodes.filter((node) => `${node.title} ${nodeTypeOf(node)?.title} ${node.type}`.toLowerCase().includes(query.toLowerCase()));
  const show = (id: string): void => {
    selectionSet(new Set([id]));
    void fitView({ nodes: [{ id }], duration: 150, maxZoom: 1 });
  };
  return (
    <>
      <div className="px-3 pt-2">
        <input type="search" className="input input-sm w-full" value={query} placeholder={t("Find in this workflow")} aria-label={t("Find in this workflow")} onChange={(event) => setQuery(event.target.value)} />
      </div>
      <ul className="overflow-y-auto grow px-2 py-2 nowheel" aria-label={t("Nodes of this workflow")}>
        {found.slice(0, SHOWN).map((node) => (
          <li key={node.id}>
            <button type="button" className="palette-item" aria-pressed={selected.includes(node.id)} onClick={() => show(node.id)}>
              <NodeIcon name={nodeTypeOf(node)?.icon} size={15} />
              <span className="grow truncate text-left">{nodeTitle(node)}</span>
              {status[node.id] ? <StateMark state={status[node.id]!.state} size={13} /> : null}
            </button>
          </li>
        ))}
      </ul>
      {found.length > SHOWN ? <p className="field-about px-4 pb-3">{t("The first %(count)s are shown; search for the others.", { count: SHOWN })}</p> : null}
      {nodes.length ? null : <p className="field-about px-4">{t("No nodes yet.")}</p>}
    </>
  );
}
