/** The parts that do the work behind the stores: the API, the operations log, undo. One per page. */

import type { Api } from "../api/client";
import type { Mount } from "../boot";
import type { Operation } from "../document/types";
import { t } from "../i18n";
import type { OperationLog } from "../sync/log";
import { documentNow, useDocument } from "./document";
import { flowFollow } from "./flow";
import { History } from "./history";
import { toast } from "./ui";

interface Workshop {
  api: Api;
  log: OperationLog;
  mount: Mount;
  urls: Record<string, string>;
}

let current: Workshop | null = null;
const history = new History();

export function workshopOpen(workshop: Workshop): void {
  current = workshop;
}

export function workshop(): Workshop {
  if (!current) throw new Error("The workshop is not open yet.");
  return current;
}

let selectNext: ReadonlySet<string> | undefined;

/** The log calls this whenever the document looks different. */
export function documentShow(): void {
  const document = workshop().log.document;
  useDocument.setState({ document });
  flowFollow(document, selectNext);
  selectNext = undefined;
}

/**
 * Applies operations as one step of undo. `merge`: changes with the same key in quick succession are one step.
 * `select`: ids of nodes to select afterwards.
 */
export function commit(ops: Operation[], options: { merge?: string; select?: Iterable<string> } = {}): void {
  if (!ops.length || useDocument.getState().readOnly) return;
  history.note(documentNow(), ops, options.merge ?? null, Date.now());
  selectNext = options.select ? new Set(options.select) : undefined;
  workshop().log.commit(ops);
}

function travel(step: { ops: Operation[]; skipped: boolean } | null, nothing: string): void {
  if (!step) return toast(nothing);
  if (step.skipped) toast(t("Somebody else has changed this since; their change stays."));
  if (step.ops.length) workshop().log.commit(step.ops);
}

export function undo(): void {
  if (!useDocument.getState().readOnly) travel(history.undo(documentNow()), t("Nothing to undo."));
}

export function redo(): void {
  if (!useDocument.getState().readOnly) travel(history.redo(documentNow()), t("Nothing to redo."));
}
