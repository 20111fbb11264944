// The run console: the socket is told where this page is, rows that moved take their places, and a new run takes the
// console's place.
import htmx from "./htmx";
import { start as steps, stepsMoved } from "./steps";
import { start as timeline, timelineRead } from "./timeline";

interface Socket {
  send(message: string, from: Element): void;
}
interface SocketEvent extends Event {
  detail: { socketWrapper: Socket };
}
let socket: Socket | null = null;

/** Every time the run's socket opens, also after a lost connection, it is told the last event this page has. */
function opened(event: Event): void {
  const console_ = (event.target as Element | null)?.closest(".run-console");
  if (!console_) return;
  socket = (event as SocketEvent).detail.socketWrapper;
  cursorSend(console_);
}

function cursorSend(console_: Element): void {
  const cursor = console_.querySelector<HTMLElement>("[data-run-cursor]");
  if (!cursor) return;
  const after = Number(cursor.dataset["runCursor"] ?? 0);
  const shown = console_.querySelectorAll(".run-steps > .run-rows > li[id]").length;
  socket?.send(JSON.stringify({ after, shown }), console_);
}

/** Puts rows that arrived where the old ones are, the keyboard's place included. A row that is not shown is dropped. */
function rowsPlace(): void {
  const console_ = document.querySelector<HTMLElement>(".run-console[data-run]");
  const moved = [...(console_?.querySelector(".run-moved")?.children ?? [])];
  const placed = moved.filter((row) => {
    const old = console_!.querySelector(`.run-steps #${CSS.escape(row.id)}`);
    const focused = document.activeElement && old?.contains(document.activeElement) ? document.activeElement.localName : "";
    old?.replaceWith(row);
    if (focused) row.querySelector<HTMLElement>(focused)?.focus({ preventScroll: true });
    if (old && old.getAttribute("data-state") !== "failed" && row.getAttribute("data-state") === "failed") say(row.querySelector(".why")?.textContent ?? "");
    return old;
  });
  console_?.querySelector(".run-moved")?.replaceChildren();
  if (placed.length) stepsMoved(placed);
  timelineRead();
}

/** Says it to whoever listens to the page rather than looks at it. */
function say(text: string): void {
  const place = document.querySelector("[data-run-said]");
  if (place && text) place.textContent = text;
}

/** Which of the runs beside the console is the one shown. */
function shownMark(): void {
  const shown = document.getElementById("run-console")?.dataset["run"];
  for (const button of document.querySelectorAll<HTMLElement>("#run-history [data-run]")) {
    if (button.dataset["run"] === shown) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

const ENDED = new Set(["completed", "failed", "cancelled"]);
const states = new Map<string, string>();

/** Tells the page once when a run that was seen running has ended. */
function endTell(event: Event): void {
  const { id = "", state = "" } = (event as CustomEvent<Record<string, string>>).detail;
  const before = states.get(id);
  states.set(id, state);
  if (before && before !== state) say(document.querySelector(".run-head .state")?.textContent?.trim() ?? "");
  if (before && !ENDED.has(before) && ENDED.has(state)) window.dispatchEvent(new CustomEvent("run-ended", { detail: { id } }));
}

/** Shows another run in the drawer below the canvas, where there is one. */
function consoleShow(id: string): void {
  const drawer = document.getElementById("run-drawer");
  const pattern = drawer?.dataset["consoleUrl"];
  if (!pattern) return;
  const url = pattern.replace("00000000-0000-0000-0000-000000000000", id);
  void htmx.ajax("get", url, { target: "#run-console", swap: "outerHTML" });
}

/** Each new row settles for itself; all of them are looked at once. */
let frame = 0;
let rows = 0;
function settled(event: Event): void {
  const place = (event.target as Element).closest?.(".run-console, .run-drawer");
  if (!place || frame) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    timelineRead();
    // More rows are on the page than before: while the run goes on, they are to move too.
    const console_ = document.querySelector(".run-console[ws-connect]");
    const count = document.querySelectorAll(".run-steps > .run-rows > li[id]").length;
    if (console_ && socket && rows && count > rows) cursorSend(console_);
    rows = count;
  });
}

export function start(): void {
  document.body.addEventListener("htmx:wsOpen", opened);
  window.addEventListener("run-started", (event) => {
    const { id } = (event as CustomEvent<{ id: string }>).detail;
    consoleShow(id);
  });
  // On a run's own page the next run has a page of its own; below the canvas it takes the console's place.
  window.addEventListener("run-retried", (event) => {
    if (!document.getElementById("run-drawer")) location.assign((event as CustomEvent<{ url: string }>).detail.url);
  });
  window.addEventListener("run-status", endTell);
  document.querySelectorAll("run-status").forEach((element) => states.set(element.id, element.getAttribute("state") ?? ""));
  document.body.addEventListener("htmx:afterSettle", shownMark);
  document.body.addEventListener("htmx:wsAfterMessage", rowsPlace);
  document.body.addEventListener("htmx:afterSettle", settled);
  timeline();
  steps();
}
