/** The Run button: what a run costs before it is pressed, why it cannot be pressed, and Cancel while one runs. */

import { useReactFlow } from "@xyflow/react";
import { Play, Square } from "lucide-react";

import { t, tn } from "../i18n";
import { useDocument } from "../store/document";
import { selectionSet } from "../store/flow";
import { isLive, useRun } from "../store/run";
import { runCancel, runPriced } from "../store/runs";
import { toast, useUi } from "../store/ui";
import { formatPrice } from "./credits";

/** Null when a run may start, else the reason why not. */
export function useRunHindrance(): string | null {
  const errors = useRun((state) => state.errors.length);
  const empty = useDocument(({ document }) => document.nodes.length === 0);
  const readOnly = useDocument((state) => state.readOnly);
  const save = useDocument((state) => state.save.state);
  if (readOnly) return t("You can look at this workflow, but not run it.");
  if (empty) return t("Add a node first.");
  if (save === "offline" || save === "stopped") return t("Your last changes are not saved yet.");
  if (errors) return tn("%(count)s problem to fix first.", "%(count)s problems to fix first.", errors);
  return null;
}

function RunLabel(): React.ReactElement {
  const estimate = useRun((state) => state.estimate);
  const pressing = useRun((state) => state.pressing);
  const stale = useRun((state) => state.stale);
  if (pressing) return <>{t("Starting…")}</>;
  if (!estimate) return <>{t("Run")}</>;
  return <>{t("Run · %(price)s", { price: stale ? "…" : formatPrice(estimate) })}</>;
}

/** Why not. Where it is a mistake in the graph, a click leads to it. */
function Hindrance({ sentence }: { sentence: string }): React.ReactElement {
  const { fitView } = useReactFlow();
  const readOnly = useDocument((state) => state.readOnly);
  const first = useRun((state) => state.errors.find((error) => error.node)?.node ?? null);
  // The mark beside the name says "View only" already; the words would leave that name no room.
  if (readOnly || !first) return <span id="run-hindrance" className={readOnly ? "sr-only" : "run-hindrance"}>{sentence}</span>;
  const show = (): void => {
    selectionSet(new Set([first]));
    void fitView({ nodes: [{ id: first }], duration: 150, maxZoom: 1, padding: 0.6 });
  };
  return <button type="button" id="run-hindrance" className="run-hindrance" onClick={show}>{sentence}</button>;
}

export function RunButton(): React.ReactElement {
  const run = useRun((state) => state.run);
  const pressing = useRun((state) => state.pressing);
  const hindrance = useRunHindrance();
  const readOnly = useDocument((state) => state.readOnly);
  const narrow = useUi((state) => state.narrow);
  if (isLive(run) && !readOnly) {
    return (
      <button type="button" className="btn btn-sm btn-outline run-button" aria-label={t("Cancel the run")} onClick={() => void runCancel()}>
        <Square size={13} aria-hidden="true" /> {narrow ? t("Cancel") : t("Cancel the run")}
      </button>
    );
  }
  return (
    <div className="flex items-center gap-2">
      {hindrance ? <Hindrance sentence={hindrance} /> : null}
      <button
        type="button"
        className="btn btn-sm btn-primary run-button tabular-nums"
        aria-disabled={hindrance !== null || pressing}
        aria-busy={pressing}
        aria-describedby={hindrance ? "run-hindrance" : undefined}
        title={hindrance ?? t("Run the workflow (Ctrl+Enter)")}
        onClick={() => (hindrance ? toast(hindrance) : runPriced())}
      >
        <Play size={13} fill="currentColor" aria-hidden="true" /> <RunLabel />
      </button>
    </div>
  );
}

export function RunNotice(): React.ReactElement | null {
  const notice = useRun((state) => state.notice);
  if (!notice) return null;
  return (
    <div role="alert" className="notice">
      <span>{notice.message}</span>
      {notice.link ? <a className="link whitespace-nowrap" href={notice.link.href}>{notice.link.label}</a> : null}
      <button type="button" className="btn btn-ghost btn-xs" onClick={() => useRun.setState({ notice: null })}>{t("Close")}</button>
    </div>
  );
}
