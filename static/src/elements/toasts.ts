// Toasts: what the server had to say after an action, and what went wrong on the way to it.
type Level = "info" | "success" | "warning" | "error";
interface Toast {
  level: Level;
  text: string;
}

const STAYS_MS = 6000;
const region = () => document.getElementById("toasts");

function keep(item: HTMLElement): void {
  item.querySelector("button")?.addEventListener("click", () => item.remove());
  // Errors stay until they are read.
  if (item.classList.contains("error")) return;
  let timer = window.setTimeout(() => item.remove(), STAYS_MS);
  item.addEventListener("pointerenter", () => window.clearTimeout(timer));
  item.addEventListener("pointerleave", () => (timer = window.setTimeout(() => item.remove(), STAYS_MS)));
}

/** Shows one sentence at the edge of the page. */
export function toast({ level, text }: Toast): void {
  const shape = document.querySelector<HTMLTemplateElement>(`#toast-shapes template[data-level="${level}"]`);
  const item = shape?.content.firstElementChild?.cloneNode(true) as HTMLElement | undefined;
  if (!item) return;
  item.querySelector("p")!.textContent = text;
  region()?.append(item);
  keep(item);
}

function refusal(request: XMLHttpRequest): string {
  const said = region()?.dataset ?? {};
  if (request.getResponseHeader("Content-Type")?.includes("json")) {
    try {
      const detail: unknown = JSON.parse(request.responseText).detail;
      if (typeof detail === "string" && detail) return detail;
    } catch {
      // Not the problem document it claimed to be: the sentence for its status will do.
    }
  }
  return said[`s${request.status}`] ?? said.failed ?? "";
}

export function start(): void {
  region()?.querySelectorAll<HTMLElement>(".toast-item").forEach(keep);
  document.body.addEventListener("toasts", (event) => {
    ((event as CustomEvent<{ items?: Toast[] }>).detail.items ?? []).forEach(toast);
  });
  window.addEventListener("toast", (event) => toast((event as CustomEvent<Toast>).detail));
  document.body.addEventListener("htmx:responseError", (event) => {
    toast({ level: "error", text: refusal((event as CustomEvent<{ xhr: XMLHttpRequest }>).detail.xhr) });
  });
  document.body.addEventListener("htmx:sendError", () => {
    toast({ level: "error", text: region()?.dataset.offline ?? "" });
  });
}
