// The run console: the socket is told where this page is, and a new run takes the console's place.
import htmx from "./htmx";

interface SocketEvent extends Event {
  detail: { socketWrapper: { send(message: string, from: Element): void } };
}

/** Every time the run's socket opens, also after a lost connection, it is told the last event this page has. */
function cursorSend(event: Event): void {
  const console_ = (event.target as Element | null)?.closest(".run-console");
  const cursor = console_?.querySelector<HTMLElement>("[data-run-cursor]");
  if (!console_ || !cursor) return;
  const after = Number(cursor.dataset["runCursor"] ?? 0);
  (event as SocketEvent).detail.socketWrapper.send(JSON.stringify({ after }), console_);
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

export function start(): void {
  document.body.addEventListener("htmx:wsOpen", cursorSend);
  window.addEventListener("run-started", (event) => {
    const { id } = (event as CustomEvent<{ id: string }>).detail;
    consoleShow(id);
  });
  window.addEventListener("run-status", endTell);
  document.querySelectorAll("run-status").forEach((element) => states.set(element.id, element.getAttribute("state") ?? ""));
  document.body.addEventListener("htmx:afterSettle", shownMark);
}
