/** Starting, watching and cancelling a run from the canvas. */

import { ApiError, type RunAsk, type StepRow } from "../api/client";
import { newUuid } from "../document/ids";
import { nodesAsked } from "../document/parts";
import { t } from "../i18n";
import { formatCredits } from "../runbar/credits";
import { checksSoon } from "./checks";
import { documentNow } from "./document";
import { planClose } from "./plan";
import { errorRead, isLive, outputsRead, requestKind, STATES, statusReset, statusTake, useRun, type NodeStatus, type StepState } from "./run";
import { toast } from "./ui";
import { workshop } from "./workshop";

const WATCH_MS = 2_000;
/** So long without a word on the page's socket, and the steps are asked for. */
const SILENCE_MS = 3_000;

const stateRead = (state: string): StepState =>
  (STATES as readonly string[]).includes(state) ? (state as StepState) : state === "succeeded" ? "completed" : "pending";

const numberRead = (value: unknown): number | null =>
  value === null || value === undefined || value === "" || !Number.isFinite(Number(value)) ? null : Number(value);

function jsonRead(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value || "[]");
  } catch {
    return [];
  }
}

let lastNews = 0;

/** The detail of a `node-status` event: attributes, so all of it is text. */
export function statusHear(detail: Record<string, unknown>): void {
  const node = String(detail["node"] ?? "");
  if (!node) return;
  lastNews = Date.now();
  const before = useRun.getState().status[node];
  const outputs = outputsRead(jsonRead(detail["outputs"]));
  const state = stateRead(String(detail["state"] ?? ""));
  const keep = outputs.length === 0 && state !== "completed" && state !== "cached";
  const status: NodeStatus = {
    state,
    progress: numberRead(detail["progress"]),
    cost: numberRead(detail["cost"]),
    message: String(detail["message"] ?? ""),
    error: errorRead(jsonText(detail["error"])),
    outputs: keep ? (before?.outputs ?? []) : outputs,
    ...(state === "running" && detail["text"] ? { text: String(detail["text"]) } : {}),
    ...said({
      reason: String(detail["cache-reason"] ?? ""),
      attempt: numberRead(detail["attempt"]) ?? 1,
      againAt: String(detail["again-at"] ?? ""),
      would: String(detail["would"] ?? ""),
      request: detail["request"] ? jsonRead(detail["request"]) : null,
      item: numberRead(detail["item"]) ?? 0,
      asks: numberRead(detail["asks"]) ?? 1,
    }),
  };
  statusTake({ [node]: status });
}

type Said = Pick<NodeStatus, "reason" | "attempt" | "againAt" | "would" | "request" | "item" | "asks">;

/** Only what says something: most steps have no second try, no request, nothing to tell of the outside. */
function said({ reason, attempt, againAt, would, request, item, asks }: Said): Said {
  return {
    ...(reason ? { reason } : {}),
    ...(attempt && attempt > 1 ? { attempt } : {}),
    ...(againAt ? { againAt } : {}),
    ...(would ? { would } : {}),
    ...(request ? { request } : {}),
    ...(request && item ? { item } : {}),
    ...(request && asks && asks > 1 ? { asks } : {}),
  };
}

/** An error may be a sentence or a JSON object with one. */
function jsonText(value: unknown): unknown {
  return typeof value === "string" && value.startsWith("{") ? jsonRead(value) : value;
}

const RANK: StepState[] = ["failed", "running", "waiting", "ready", "pending", "cancelled", "completed", "cached", "skipped"];

/** Steps of one node (one per item of a list) as one status: the most pressing state, all outputs in order. */
function statusOf(all: StepRow[]): NodeStatus {
  const sorted = [...all].sort((a, b) => (a.item ?? 0) - (b.item ?? 0));
  const choice = requestKind(sorted.at(-1)?.request) === "choice" ? sorted.at(-1)! : null;
  const rows = choice ? sorted.slice(0, -1) : sorted;
  const status = itemsStatus(rows);
  if (!choice) return status;
  const made = rows.filter((row) => row.state === "completed" || row.state === "cached").map((row) => row.item ?? 0);
  const request = { ...(choice.request as object), places: made };
  return { ...status, state: choice.cached ? "cached" : stateRead(choice.state), error: choice.state === "failed" ? errorRead(choice.error) : "", request, item: choice.item ?? 0 };
}

/** The same of steps that are all alike. */
function itemsStatus(ordered: StepRow[]): NodeStatus {
  const rows = ordered;
  const states = ordered.map((row) => (row.cached ? "cached" : stateRead(row.state)));
  const asking = ordered.filter((row) => row.request && row.state === "waiting");
  const done = states.filter((state) => state === "completed" || state === "cached").length;
  return {
    state: RANK.find((state) => states.includes(state)) ?? "pending",
    progress: rows.length > 1 ? done / rows.length : null,
    cost: ordered.reduce((sum, row) => sum + (row.cost ?? 0), 0) || null,
    message: "",
    error: ordered.map((row) => errorRead(row.error)).find(Boolean) ?? "",
    outputs: ordered.flatMap((row) => outputsRead(row.outputs)),
    ...said({
      reason: ordered.find((row) => row.cache_reason)?.cache_reason ?? "",
      attempt: Math.max(...ordered.map((row) => row.attempt ?? 1)),
      would: ordered.map(({ error }) => wouldRead(error)).find(Boolean) ?? "",
      againAt: ordered.find((row) => row.state === "pending" && row.again_at)?.again_at ?? "",
      request: asking[0]?.request,
      item: asking[0]?.item ?? 0,
      asks: asking.length,
    }),
  };
}

/** A dry run ends a step that acts outside with what it would have done. */
const wouldRead = (error: unknown): string => ((error as { code?: unknown } | null)?.code === "dry-run" ? errorRead(error) : "");

async function stepsRead(run: string): Promise<void> {
  const rows: StepRow[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: StepRow[]; next: string | null } = await workshop().api.steps(run, cursor);
    rows.push(...page.items);
    cursor = page.next;
  } while (cursor);
  const byNode = new Map<string, StepRow[]>();
  for (const row of rows) byNode.set(row.node, [...(byNode.get(row.node) ?? []), row]);
  const before = useRun.getState().status;
  statusTake(Object.fromEntries([...byNode].map(([node, group]) => [node, reasonKept(statusOf(group), before[node])])));
}

/** The console says more than the API's list: what it told of the same state stays. */
const reasonKept = (now: NodeStatus, before: NodeStatus | undefined): NodeStatus =>
  before?.state === now.state ? { ...before, ...now, message: now.message || before.message } : now;

let watching: ReturnType<typeof setTimeout> | undefined;

/** Looks at a run until it has ended. The page's socket is faster; this is for when it is silent. */
function runWatch(id: string): void {
  clearTimeout(watching);
  watching = setTimeout(async () => {
    try {
      const { state } = await workshop().api.run(id);
      if (useRun.getState().run?.id !== id) return;
      if (Date.now() - lastNews > SILENCE_MS || state !== useRun.getState().run?.state) await stepsRead(id);
      runState(id, state);
    } catch {
      // The server cannot be reached: the next look will tell.
    }
    if (isLive(useRun.getState().run)) runWatch(id);
  }, WATCH_MS);
}

/** Takes a run's state over; when it ends, what is cached now changes the price. */
export function runState(id: string, state: string): void {
  const before = useRun.getState().run;
  if (!before) {
    // The page's console tells the nodes' states with the run's; only its end is still to be watched for.
    useRun.setState({ run: { id, state } });
    if (isLive({ id, state })) runWatch(id);
    return;
  }
  if (before.id !== id) return;
  useRun.setState({ run: { id, state } });
  if (isLive(before) && !isLive({ id, state })) checksSoon();
}

/** A run begun elsewhere on the page, as by the console's “run what failed again”, takes the canvas over. */
export function runTake(id: string): void {
  if (useRun.getState().run?.id === id) return;
  statusReset();
  useRun.setState({ run: { id, state: "pending" }, notice: null });
  runWatch(id);
}

/** The run the page opened with: its states and outputs are shown again. */
export async function runResume(run: { id: string; state: string } | null | undefined): Promise<void> {
  if (!run) return;
  useRun.setState({ run });
  if (isLive(run)) runWatch(run.id);
  try {
    await stepsRead(run.id);
  } catch {
    // Without the last run's results the graph is still there to work on.
  }
}

function runRefused(error: unknown): void {
  if (!(error instanceof ApiError)) throw error;
  const { problem } = error;
  if (error.status === 402) {
    const missing = typeof problem.missing === "number" ? formatCredits(problem.missing) : null;
    const message = missing ? t("Not enough credits. You need %(missing)s more.", { missing }) : error.message;
    const billing = workshop().urls["billing"] ?? `/w/${workshop().mount.workspace}/billing/`;
    return useRun.setState({ notice: { message, link: { href: billing, label: t("See the balance") } } });
  }
  if (problem.type?.endsWith("/price-risen")) checksSoon(0);
  if (problem.errors?.length) useRun.setState({ errors: problem.errors });
  useRun.setState({ notice: { message: error.message } });
}

/** One press of Run: one key, so a double click or a repeat after a lost answer makes one run. `ask`: which part, and how. */
export async function runStart(ask: RunAsk = {}): Promise<void> {
  if (useRun.getState().pressing) return;
  if (isLive(useRun.getState().run)) return toast(t("A run is in progress. Wait for it to finish, or cancel it."));
  useRun.setState({ pressing: true, notice: null });
  const { api, log, mount } = workshop();
  const key = newUuid();
  try {
    await log.flushed();
    const run = await api.runStart(mount.workflow, key, ask).catch((error: unknown) => {
      if (error instanceof ApiError && error.offline) return api.runStart(mount.workflow, key, ask);
      throw error;
    });
    planClose();
    statusReset(nodesAsked(documentNow(), ask));
    useRun.setState({ run: { id: run.id, state: run.state } });
    window.dispatchEvent(new CustomEvent("run-started", { detail: { id: run.id, url: run.url } }));
    runWatch(run.id);
  } catch (error) {
    runRefused(error);
  } finally {
    useRun.setState({ pressing: false });
  }
}

/** Runs the whole graph for no more than the button says. */
export function runPriced(): void {
  const { estimate, stale } = useRun.getState();
  void runStart(estimate && !stale ? { agreed_credits: estimate.high } : {});
}

export async function runCancel(): Promise<void> {
  const { run } = useRun.getState();
  if (!run) return;
  try {
    await workshop().api.runCancel(run.id);
    toast(t("Cancelling. Work that was not delivered is not charged."));
    runWatch(run.id);
  } catch (error) {
    toast(error instanceof ApiError ? error.message : String(error), "error");
  }
}
