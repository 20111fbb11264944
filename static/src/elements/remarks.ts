// Stars and boards from the keyboard, wherever one thing is shown: 1 to 5 and 0 set the stars, B opens the boards. On a
// board, Alt with an arrow or a drag changes the order. In a filter, a colour of one's own stands for its swatch.
import htmx from "./htmx";

const typing = (target: Element) => target.matches("input:not([type=radio], [type=checkbox]), textarea, select, video, audio, [contenteditable]");

/** What is shown large: the dialog's, else the panel's or the page's. */
function shown(selector: string): HTMLElement | null {
  const dialog = document.querySelector("dialog[open]");
  return (dialog ?? document.querySelector("#tape-detail:has(.tape-panel)") ?? document).querySelector<HTMLElement>(selector);
}

function starred(event: KeyboardEvent): boolean {
  const form = shown("[data-remarks]");
  const input = form?.querySelector<HTMLInputElement>(`.stars:not(:disabled) input[value="${event.key}"]`);
  if (!input) return false;
  input.checked = true;
  input.dispatchEvent(new Event("change", { bubbles: true }));
  return true;
}

function pressed(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || typing(target)) return;
  if (event.altKey) return moved(event, target);
  if (/^[0-5]$/.test(event.key) && starred(event)) event.preventDefault();
  if (event.key === "b") {
    const boards = shown("[data-boards]") as HTMLDetailsElement | null;
    if (boards) boards.open = !boards.open;
  }
}

const cells = () => [...document.querySelectorAll<HTMLElement>("[data-orders] > [data-move]")];

/** The focused thing goes one place on or back. */
function moved(event: KeyboardEvent, target: HTMLElement): void {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const cell = target.closest<HTMLElement>("[data-orders] > [data-move]");
  const other = by && cell ? cells()[cells().indexOf(cell) + by] : undefined;
  if (!cell || !other) return;
  event.preventDefault();
  place(cell, by === 1 ? (other.nextElementSibling as HTMLElement | null) : other);
  target.focus();
}

function place(cell: HTMLElement, before: HTMLElement | null): void {
  const item = before?.dataset.item ? before : null;
  if (item) item.before(cell);
  else cells().at(-1)?.after(cell);
  void htmx.ajax("post", cell.dataset.move!, { swap: "none", values: item ? { before: item.dataset.item } : {} });
}

function dragging(): void {
  let held: HTMLElement | null = null;
  document.addEventListener("dragstart", (event) => {
    held = (event.target as Element).closest?.<HTMLElement>("[data-orders] > [data-move]") ?? null;
    held?.toggleAttribute("data-held", true);
  });
  document.addEventListener("dragover", (event) => {
    if (held && (event.target as Element).closest("[data-orders] > [data-move]")) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    const over = (event.target as Element).closest<HTMLElement>("[data-orders] > [data-move]");
    if (!held || !over || over === held) return;
    event.preventDefault();
    const box = over.getBoundingClientRect();
    place(held, event.clientX < box.left + box.width / 2 ? over : (over.nextElementSibling as HTMLElement | null));
  });
  document.addEventListener("dragend", () => {
    held?.removeAttribute("data-held");
    held = null;
  });
}

export function start(): void {
  document.addEventListener("keydown", pressed);
  document.addEventListener("change", (event) => {
    const picker = event.target as HTMLInputElement;
    if (!picker.matches("[data-picks-colour]")) return;
    const own = picker.parentElement!.querySelector<HTMLInputElement>("[data-own-colour]")!;
    own.value = picker.value;
    own.checked = true;
  }, true);
  if (document.querySelector("[data-orders]")) dragging();
}
