/** The plan in sum: how many run and are reused, the price, what is written outside, and the ways to go on. */

import { useReactFlow } from "@xyflow/react";
import { FlaskConical, Play, Send, X } from "lucide-react";
import { useId } from "react";

import type { Estimate, PlannedStep } from "../api/client";
import { useDraft } from "../inspector/useDraft";
import { listed, t, tn } from "../i18n";
import { formatCredits, formatPrice, MICRO } from "../runbar/credits";
import { useRunHindrance } from "../runbar/RunButton";
import { nodeTitle } from "../store/catalogue";
import { nodeNow, useDocument } from "../store/document";
import { selectionSet } from "../store/flow";
import { Said } from "../Said";
import { actionOf, planClose, planSummary, usePlan } from "../store/plan";
import { isLive, useRun } from "../store/run";
import { runStart } from "../store/runs";
import { toast } from "../store/ui";
import { ActionIcon } from "./PlanTag";
import { actionName, planPrice } from "./words";

function useShow(): (id: string) => void {
  const { fitView } = useReactFlow();
  return (id) => {
    selectionSet(new Set([id]));
    void fitView({ nodes: [{ id }], duration: 150, maxZoom: 1, padding: 0.6 });
  };
}

/** What part of the graph this is about. */
function Scope(): React.ReactElement | null {
  const { targets, from_node: from } = usePlan((state) => state.ask);
  const title = (id: string): string => nodeTitle(nodeNow(id));
  if (targets) return <p className="field-about">{t("To “%(node)s”", { node: listed(targets.map(title)) })}</p>;
  return from ? <p className="field-about">{t("From “%(node)s”", { node: title(from) })}</p> : null;
}

function Counts({ plan }: { plan: Estimate }): React.ReactElement {
  const { run, reuse, skip, maybe } = planSummary(plan);
  return (
    <ul className="plan-counts" aria-label={t("Summary")}>
      <li data-action="run"><ActionIcon action="run" /> {tn("%(count)s to run", "%(count)s to run", run)}</li>
      <li data-action="reuse"><ActionIcon action="reuse" /> {tn("%(count)s reused", "%(count)s reused", reuse)}</li>
      {skip ? <li data-action="skip"><ActionIcon action="skip" /> {tn("%(count)s skipped", "%(count)s skipped", skip)}</li> : null}
      {maybe ? <li data-action="maybe"><ActionIcon action="maybe" /> {tn("%(count)s may run", "%(count)s may run", maybe)}</li> : null}
    </ul>
  );
}

function Writes({ writes }: { writes: PlannedStep[] }): React.ReactElement {
  const show = useShow();
  return (
    <section aria-label={t("Outside Millrace")}>
      <h3 className="plan-subtitle">{t("Outside Millrace")}</h3>
      {writes.length ? (
        <ul>
          {writes.map((step) => (
            <li key={step.node}>
              <button type="button" className="plan-row" onClick={() => show(step.node)}>
                <Send size={12} aria-hidden="true" className="shrink-0 mt-0.5" />
                <span className="grow min-w-0"><b className="font-medium">{nodeTitle(nodeNow(step.node))}</b><small>{step.would}</small></span>
              </button>
            </li>
          ))}
        </ul>
      ) : <p className="field-about pt-0">{t("Nothing.")}</p>}
    </section>
  );
}

const SHOWN = 200;

function Steps({ plan }: { plan: Estimate }): React.ReactElement {
  const show = useShow();
  return (
    <section aria-label={t("Steps")}>
      <h3 className="plan-subtitle">{t("Steps")}</h3>
      <ol>
        {plan.steps.slice(0, SHOWN).map((step) => (
          <li key={step.node}>
            <button type="button" className="plan-row" data-action={actionOf(step)} onClick={() => show(step.node)}>
              <ActionIcon action={actionOf(step)} />
              <span className="grow min-w-0"><span className="block truncate">{nodeTitle(nodeNow(step.node))}</span><small><Said text={step.reason || actionName(actionOf(step))} /></small></span>
              <span className="tabular-nums whitespace-nowrap">{planPrice(step)}</span>
            </button>
          </li>
        ))}
      </ol>
      {plan.steps.length > SHOWN ? <p className="field-about">{t("The first %(count)s are listed; the canvas shows all.", { count: SHOWN })}</p> : null}
    </section>
  );
}

function Limit({ high }: { high: number }): React.ReactElement {
  const id = useId();
  const limit = usePlan((state) => state.limit);
  const { draft, change, settle } = useDraft(limit === null ? "" : String(limit / MICRO), (text: string) => {
    const value = Number(text.replace(",", "."));
    usePlan.setState({ limit: text.trim() === "" || !Number.isFinite(value) || value < 0 ? null : Math.round(value * MICRO) });
  });
  const below = limit !== null && limit < high;
  return (
    <div className="field">
      <div className="grid grid-cols-[1fr_7rem] items-center gap-2">
        <label htmlFor={id} className="field-label">{t("Max credits")}</label>
        <input id={id} type="number" min={0} step="any" inputMode="decimal" className="input input-sm w-full tabular-nums" value={draft} placeholder={t("no limit")} aria-describedby={below ? `${id}-about` : undefined} onChange={(event) => change(event.target.value)} onBlur={settle} />
      </div>
      {below ? <p id={`${id}-about`} className="field-about">{t("The run stops before a step that would exceed this.")}</p> : null}
    </div>
  );
}

function Go({ plan }: { plan: Estimate }): React.ReactElement {
  const ask = usePlan((state) => state.ask);
  const limit = usePlan((state) => state.limit);
  const stale = usePlan((state) => state.stale);
  const live = useRun((state) => isLive(state.run));
  const pressing = useRun((state) => state.pressing);
  const reason = useRunHindrance();
  const hindrance = reason ?? (live ? t("A run is in progress.") : null);
  const most = limit === null ? plan.high : plan.per_item ? limit : Math.min(limit, plan.high);
  const run = (dry: boolean): void => {
    if (hindrance) return toast(hindrance);
    const price = { ...(limit === null ? {} : { max_credits: limit }), ...(stale ? {} : { agreed_credits: most }) };
    void runStart({ ...ask, ...(dry ? { dry_run: true } : price) });
  };
  return (
    <div className="plan-go" data-stale={stale}>
      <Limit high={plan.per_item ? Infinity : plan.high} />
      <button type="button" className="btn btn-sm btn-primary" aria-disabled={hindrance !== null || pressing} title={hindrance ?? undefined} onClick={() => run(false)}>
        <Play size={13} fill="currentColor" aria-hidden="true" />
        {most && !(plan.per_item && limit === null) ? t("Run for at most %(price)s", { price: formatCredits(most) }) : t("Run · %(price)s", { price: formatPrice(plan) })}
      </button>
      <button type="button" className="btn btn-sm" aria-disabled={hindrance !== null || pressing} title={t("Runs only what is free and changes nothing outside. Other steps show what they would do.")} onClick={() => run(true)}>
        <FlaskConical size={13} aria-hidden="true" /> {t("Dry run")}
      </button>
    </div>
  );
}

/** For ears: the plan in one sentence, said when it changes. */
function spoken(plan: Estimate | null): string {
  if (!plan) return "";
  const { run, reuse } = planSummary(plan);
  return t("Plan: %(run)s to run, %(reuse)s reused, price %(price)s", { run, reuse, price: formatPrice(plan) });
}

/** `short`: a node's own form follows below, so the list of steps is left out. */
export function PlanPanel({ short = false }: { short?: boolean }): React.ReactElement | null {
  const { open, plan, stale, loading, problem } = usePlan();
  const readOnly = useDocument((state) => state.readOnly);
  if (!open) return null;
  return (
    <section className="plan" aria-label={t("Plan")} aria-busy={loading} data-stale={stale}>
      <header className="plan-header">
        <h2 className="panel-heading grow">{t("Plan")}</h2>
        {stale ? <span className="plan-stale">{loading ? t("Loading…") : t("The workflow has changed")}</span> : null}
        <button type="button" className="btn btn-ghost btn-sm btn-square" title={t("Close the plan (Esc)")} aria-label={t("Close the plan")} onClick={planClose}><X size={14} aria-hidden="true" /></button>
      </header>
      <div className="plan-body">
        <Scope />
        <p className="sr-only" role="status">{spoken(plan)}</p>
        {problem ? <p className="field-problem" role="alert">{problem}</p> : null}
        {!plan && !problem ? <p className="field-about">{t("Loading…")}</p> : null}
        {plan ? (
          <>
            <p className="plan-price">{formatPrice(plan)}</p>
            {plan.per_item ? <p className="field-about pt-0">{t("One item is counted where a list is made in the run; each further one costs the same.")}</p> : null}
            {plan.own_keys?.length ? <p className="field-about pt-0">{t("Calls with your own keys take no credits: their vendors bill you.")}</p> : null}
            <Counts plan={plan} />
            {readOnly ? null : <Go plan={plan} />}
            <Writes writes={planSummary(plan).writes} />
            {short ? null : <Steps plan={plan} />}
          </>
        ) : null}
      </div>
    </section>
  );
}
