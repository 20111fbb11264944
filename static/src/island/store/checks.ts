/** Once edits have settled and the server has them: is the graph right, and what would a run cost? */

import { ApiError } from "../api/client";
import { runsSame } from "../document/parts";
import { useDocument } from "./document";
import { planFollow } from "./plan";
import { useRun } from "./run";
import { workshop } from "./workshop";

const PAUSE_MS = 500;

let timer: ReturnType<typeof setTimeout> | undefined;
let round = 0;

/** Asks again after a pause; an answer about an older graph is thrown away. */
export function checksSoon(pause = PAUSE_MS): void {
  clearTimeout(timer);
  timer = setTimeout(() => void checksRun(), pause);
}

useDocument.subscribe(({ document }, { document: before }) => {
  const { estimate, stale } = useRun.getState();
  if (estimate && !stale && !runsSame(before, document)) useRun.setState({ stale: true });
});

async function checksRun(): Promise<void> {
  const { api, log, mount } = workshop();
  if (!log.settled) return;
  round += 1;
  const mine = round;
  const seq = log.seq;
  const current = (): boolean => mine === round && log.settled && log.seq === seq;
  try {
    const { errors } = await api.validate(mount.workflow);
    if (current()) useRun.setState({ errors });
    const estimate = errors.length || !useDocument.getState().document.nodes.length ? null : await api.estimate(mount.workflow);
    if (!current()) return;
    useRun.setState({ estimate, stale: false });
    planFollow(estimate);
  } catch (error) {
    if (error instanceof ApiError && error.problem.errors && current()) useRun.setState({ errors: error.problem.errors, estimate: null });
  }
}
