/** Beside Run: the plan, and what is done less often. */

import { ChevronDown, Eraser, FlaskConical, ListChecks } from "lucide-react";
import { useEffect, useRef, useState } from "react";

import { t } from "../i18n";
import type { Position } from "../document/types";
import { useDocument } from "../store/document";
import { partHindrance, partRun, resultsForget } from "../store/parts";
import { planToggle, usePlan } from "../store/plan";
import { isLive, useRun } from "../store/run";
import { workshop } from "../store/workshop";
import { Menu, type MenuItem } from "./Menu";

const SIZE = 14;

export function PlanButton(): React.ReactElement | null {
  const open = usePlan((state) => state.open);
  const empty = useDocument(({ document }) => document.nodes.length === 0);
  // A plan is told over the API, where guests have no say.
  if (empty || workshop().mount.role === "guest") return null;
  return (
    <button type="button" className="btn btn-sm btn-ghost plan-button" aria-pressed={open} title={t("Preview the run (P)")} onClick={planToggle}>
      <ListChecks size={SIZE} aria-hidden="true" /> <span>{t("Plan")}</span>
    </button>
  );
}

/** Results stay where they are; what is lost is only that they need not be made again. */
function Forget({ onClose }: { onClose(): void }): React.ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} className="keys-dialog max-w-sm" aria-labelledby="forget-title" onClose={onClose}>
      <h2 id="forget-title" className="text-base font-medium mb-2">{t("Forget all results of this workflow?")}</h2>
      <p className="text-sm mb-4">{t("Every node runs again next time, and paid nodes are charged again. Files stay in the gallery.")}</p>
      <form method="dialog" className="flex justify-end gap-2">
        <button className="btn btn-sm" autoFocus>{t("Cancel")}</button>
        <button className="btn btn-sm btn-primary" onClick={() => void resultsForget()}>{t("Forget all results")}</button>
      </form>
    </dialog>
  );
}

export function RunMenu(): React.ReactElement {
  const [at, setAt] = useState<Position | null>(null);
  const [asking, setAsking] = useState(false);
  const run = useRun((state) => state.run);
  const errors = useRun((state) => state.errors.length);
  const empty = useDocument(({ document }) => document.nodes.length === 0);
  const readOnly = useDocument((state) => state.readOnly);
  const hindrance = empty ? t("Add a node first.") : errors ? t("Fix the marked problems first.") : isLive(run) ? t("A run is in progress.") : partHindrance();
  const items: MenuItem[] = [
    { label: t("Dry run"), icon: <FlaskConical size={SIZE} aria-hidden="true" />, hint: t("Runs only what is free and changes nothing outside. Other steps show what they would do."), hindrance, act: () => partRun({ dry_run: true }) },
    { label: t("Forget all results…"), icon: <Eraser size={SIZE} aria-hidden="true" />, hint: t("The next run reuses nothing"), act: () => setAsking(true) },
  ];
  const open = (event: React.MouseEvent<HTMLButtonElement>): void => {
    const box = event.currentTarget.getBoundingClientRect();
    setAt({ x: box.right - 264, y: box.bottom + 6 });
  };
  if (readOnly) return <></>;
  return (
    <>
      <button type="button" className="btn btn-sm btn-square btn-ghost" aria-haspopup="menu" aria-expanded={at !== null} aria-label={t("More ways to run")} title={t("More ways to run")} onClick={open}>
        <ChevronDown size={15} aria-hidden="true" />
      </button>
      {at ? <Menu label={t("More ways to run")} at={at} groups={[items]} onClose={() => setAt(null)} /> : null}
      {asking ? <Forget onClose={() => setAsking(false)} /> : null}
    </>
  );
}
