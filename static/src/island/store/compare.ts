/** Comparing variants: the form that asks for them, their price beforehand, and the grid of what came of them. */

import { ApiError, type Estimate } from "../api/client";
import { varyKept, varyOf, type Vary } from "../document/vary";
import type { GraphDocument, GraphNode, Json } from "../document/types";
import { t } from "../i18n";
import { modelSchemaOf, nodeTypeOf } from "./catalogue";
import { documentNow, nodeNow } from "./document";
import { partHindrance } from "./parts";
import { useRun } from "./run";
import { runStart } from "./runs";
import { toast, useUi } from "./ui";
import { commit, workshop } from "./workshop";

/** Whether this node asks a model, so that there is something to compare. */
export const comparable = (node: GraphNode | undefined): boolean => modelSchemaOf(nodeTypeOf(node)) !== undefined && nodeTypeOf(node)?.effect === "paid";

export function compareOpen(node: string, focus: "models" | "seeds" | "sweep", first: Vary = {}): void {
  useUi.setState({ compareForm: { node, focus, first } });
}

/** The variants of the run that is shown, side by side. */
export function gridOpen(node: string): void {
  const run = useRun.getState().run;
  if (run) useUi.setState({ compareGrid: { run: run.id, node } });
}

export function varySet(id: string, vary: Vary | undefined): void {
  const node = nodeNow(id);
  const value = vary && varyKept(vary);
  if (!node || JSON.stringify(value) === JSON.stringify(node.params["$vary"])) return;
  commit([{ op: "set", id, path: ["params", "$vary"], ...(value ? { value: value as unknown as Json } : {}) }]);
}

/** Sets what is compared, and runs. */
export function varyRun(id: string, vary: Vary, agreed?: number): void {
  const hindrance = partHindrance();
  if (hindrance) return toast(hindrance, "error");
  varySet(id, vary);
  void runStart(agreed === undefined ? {} : { agreed_credits: agreed });
}

/** The graph as it would be with these variants, every change that is not saved yet included. */
export function documentWith(id: string, vary: Vary): GraphDocument {
  const { nodes, ...rest } = documentNow();
  const value = varyKept(vary);
  return { ...rest, nodes: nodes.map((node) => (node.id === id ? { ...node, params: { ...node.params, ...(value ? { $vary: value as unknown as Json } : {}) } } : node)) };
}

export interface Priced {
  /** The whole run. */
  run: Estimate | null;
  /** The variants alone: as if each were new and none reused. */
  node: { low: number; high: number; per_item?: boolean } | null;
  problem: string;
}

/** What a run with these variants would cost; the first problem where it cannot run. */
export async function varyPrice(id: string, vary: Vary): Promise<Priced> {
  const { api, mount } = workshop();
  try {
    const run = await api.estimateOf(mount.workflow, documentWith(id, vary));
    return { run, node: run.steps.find((step) => step.node === id) ?? null, problem: "" };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const errors = error.problem.errors ?? [];
    const own = errors.find((each) => each.node === id && each.port === "$vary");
    return { run: null, node: null, problem: own?.message ?? (errors.length ? t("Fix the marked problems first.") : error.message) };
  }
}

/** Of a node in the run that is shown: where the winner stands among what is shown of its variants; null without any. */
export function sheetOf(request: unknown): { winner: number; places: number[] } | null {
  if (typeof request !== "object" || request === null || (request as { kind?: unknown }).kind !== "choice") return null;
  const { winner, places } = request as { winner?: number; places?: number[] };
  return { winner: winner ?? -1, places: places ?? [] };
}

export { varyOf };
