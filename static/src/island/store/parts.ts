/** Running parts of the graph, and what is kept of a node's results: pins, reuse, forgetting. */

import { ApiError, type RunAsk, type StepRow } from "../api/client";
import { settingKept, settingOps } from "../document/treatment";
import type { GraphNode, Json } from "../document/types";
import { t, tn } from "../i18n";
import { nodeTitle, nodeType, settingSchemas } from "./catalogue";
import { checksSoon } from "./checks";
import { documentNow, nodeNow, useDocument } from "./document";
import { useRun } from "./run";
import { runStart } from "./runs";
import { toast } from "./ui";
import { commit, workshop } from "./workshop";

/** Null when this part may run, else the reason why not. */
export function partHindrance(): string | null {
  const { readOnly, save } = useDocument.getState();
  if (readOnly) return t("You can look at this workflow, but not run it.");
  if (save.state === "offline" || save.state === "stopped") return t("Your last changes are not saved yet.");
  return null;
}

export function partRun(ask: RunAsk): void {
  const hindrance = partHindrance();
  if (hindrance) toast(hindrance, "error");
  else void runStart(ask);
}

export const askTo = (node: string): RunAsk => ({ targets: [node] });
export const askFrom = (node: string): RunAsk => ({ from_node: node });
export const askOnly = (node: string, inputs: Record<string, Json>): RunAsk => ({ from_node: node, targets: [node], inputs: { [node]: inputs } });

/** Sets one `$` setting of a node; what says no more than nothing does is removed. */
export function settingSet(node: GraphNode, name: string, value: Json | undefined): void {
  const type = nodeType(node.type);
  if (!type) return;
  const kept = settingKept(name, value, settingSchemas()[name]);
  if (JSON.stringify(kept) === JSON.stringify(node.params[name])) return;
  const { ops, cut } = settingOps(documentNow(), node, type, name, kept);
  commit(ops, { merge: `${node.id}.params.${name}` });
  if (cut) {
    toast(tn("The connection at the error output went with it. Undo brings it back.", "The %(count)s connections at the error output went with it. Undo brings them back.", cut));
  }
}

/** The rows of one node in a run, in the order of its items. */
export async function rowsOf(run: string, node: string): Promise<StepRow[]> {
  const rows: StepRow[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: StepRow[]; next: string | null } = await workshop().api.steps(run, cursor);
    rows.push(...page.items.filter((row) => row.node === node));
    const past = rows.length > 0 && page.items.at(-1)?.node !== node;
    cursor = past ? null : page.next;
  } while (cursor);
  return rows.sort((a, b) => (a.item ?? 0) - (b.item ?? 0));
}

/** Values by port of all rows: of one row as they are, of several as lists in their order. */
export function valuesOf(rows: readonly (Record<string, Json> | null | undefined)[]): Record<string, Json> {
  const made = rows.filter((row): row is Record<string, Json> => Boolean(row));
  if (made.length === 1) return made[0]!;
  const ports = new Set(made.flatMap((row) => Object.keys(row)));
  return Object.fromEntries([...ports].map((port) => [port, made.map((row) => row[port] ?? null)]));
}

const PIN_MAX = 240_000;

/** Pins what the node made in the run that is shown, whole: the canvas itself knows only a glimpse of long texts. */
export async function outputPin(id: string): Promise<void> {
  const run = useRun.getState().run;
  const node = nodeNow(id);
  if (!run || !node) return;
  try {
    const rows = (await rowsOf(run.id, id)).filter((row) => row.state === "completed" || row.state === "cached");
    const outputs = valuesOf(rows.map((row) => row.outputs as Record<string, Json> | null));
    if (!Object.keys(outputs).length) return toast(t("“%(node)s” has no output in this run.", { node: nodeTitle(node) }), "error");
    if (JSON.stringify(outputs).length > PIN_MAX) return toast(t("This output is too large to be pinned."), "error");
    settingSet(nodeNow(id) ?? node, "$pin", outputs);
    toast(t("Pinned. “%(node)s” uses this output until you unpin it.", { node: nodeTitle(node) }));
  } catch (error) {
    toast(error instanceof ApiError ? error.message : String(error), "error");
  }
}

export function outputUnpin(id: string): void {
  const node = nodeNow(id);
  if (node) settingSet(node, "$pin", undefined);
}

export function alwaysNewToggle(id: string): void {
  const node = nodeNow(id);
  if (node) settingSet(node, "$always_new", !node.params["$always_new"]);
}

/** Results made before are not reused any more: of one node, or of the whole workflow. */
export async function resultsForget(node?: string): Promise<void> {
  const { api, mount } = workshop();
  try {
    await api.cacheForget(mount.workflow, node);
    toast(node ? t("“%(node)s” runs again next time.", { node: nodeTitle(nodeNow(node)) }) : t("Every node runs again next time."));
    checksSoon(0);
  } catch (error) {
    toast(error instanceof ApiError ? error.message : String(error), "error");
  }
}
