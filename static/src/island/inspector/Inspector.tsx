/** The right panel: the selected node, several of them, or the workflow itself. */

import { Copy, Trash2 } from "lucide-react";

import { t, tn } from "../i18n";
import { selectionDuplicate } from "../store/clipboard";
import { useDocument } from "../store/document";
import { selectionRemove } from "../store/edits";
import { selectionKey, useFlow } from "../store/flow";
import { PlanPanel } from "../plan/PlanPanel";
import { usePlan } from "../store/plan";
import { useRun } from "../store/run";
import { NodeForm } from "./NodeForm";
import { Variables } from "./Variables";

function Several({ count, readOnly }: { count: number; readOnly: boolean }): React.ReactElement {
  return (
    <section className="panel-section">
      <h3 className="panel-heading">{tn("%(count)s node", "%(count)s nodes", count)}</h3>
      <div className="flex gap-2">
        <button type="button" className="btn btn-sm" disabled={readOnly} onClick={selectionDuplicate}><Copy size={14} aria-hidden="true" /> {t("Duplicate")}</button>
        <button type="button" className="btn btn-sm" disabled={readOnly} onClick={selectionRemove}><Trash2 size={14} aria-hidden="true" /> {t("Delete")}</button>
      </div>
    </section>
  );
}

/** Mistakes that belong to no node. */
function GraphErrors(): React.ReactElement | null {
  const errors = useRun((state) => state.errors);
  const general = errors.filter((error) => !error.node);
  if (!general.length) return null;
  return <div className="panel-section">{general.map((error) => <p key={error.code + error.message} className="field-problem" role="alert">{error.message}</p>)}</div>;
}

export function Inspector(): React.ReactElement {
  const ids = useFlow(selectionKey).split("\n").filter(Boolean);
  const readOnly = useDocument((state) => state.readOnly);
  const planning = usePlan((state) => state.open);
  const node = useDocument(({ document }) => (ids.length === 1 ? document.nodes.find((each) => each.id === ids[0]) : undefined));
  return (
    <aside className="inspector nowheel" aria-label={t("Inspector")}>
      <PlanPanel short={node !== undefined} />
      <GraphErrors />
      {planning && !ids.length ? null : node ? <NodeForm key={node.id} node={node} readOnly={readOnly} /> : ids.length > 1 ? <Several count={ids.length} readOnly={readOnly} /> : <Variables readOnly={readOnly} />}
    </aside>
  );
}
