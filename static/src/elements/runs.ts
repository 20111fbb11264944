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
}
