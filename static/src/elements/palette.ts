// Ctrl-K: find a page, a project, a workflow. The server finds; this moves the highlight.
const dialog = () => document.querySelector<HTMLDialogElement>("#palette");
const options = () => [...(dialog()?.querySelectorAll<HTMLElement>('[role="option"]') ?? [])];

function mark(index: number): void {
  const all = options();
  if (all.length === 0) return;
  const at = (index + all.length) % all.length;
  all.forEach((option, position) => {
    option.id ||= `palette-option-${position}`;
    option.setAttribute("aria-selected", String(position === at));
  });
  all[at]!.scrollIntoView({ block: "nearest" });
  dialog()?.querySelector("input")?.setAttribute("aria-activedescendant", all[at]!.id);
}

function open(): void {
  const found = dialog();
  if (!found || found.open) return;
  found.showModal();
  const input = found.querySelector("input")!;
  input.select();
  input.dispatchEvent(new CustomEvent("palette-open", { bubbles: true }));
}

function pressed(event: KeyboardEvent): void {
  const at = options().findIndex((option) => option.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown") mark(at + 1);
  else if (event.key === "ArrowUp") mark(at < 0 ? -1 : at - 1);
  else if (event.key === "Enter") options()[Math.max(at, 0)]?.click();
  else return;
  event.preventDefault();
}

export function start(): void {
  const found = dialog();
  if (!found) return;
  found.querySelector("input")?.addEventListener("keydown", pressed);
  found.addEventListener("htmx:afterSettle", () => mark(0));
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("click", (event) => {
    if ((event.target as Element).closest("[data-palette]")) open();
  });
}
