// The comments panel: an @ offers whom to name, arrows choose, Enter or Tab takes; a node of the canvas can be what a
// comment is about; and what somebody has begun to write is not lost when others comment meanwhile.
import htmx from "./htmx";

const SAID = /(?:^|[^\w@])@([^@\n]{0,60})$/;
const WAIT_MS = 120;

const panel = () => document.querySelector<HTMLElement>("#comments");
const list = () => document.querySelector<HTMLUListElement>("#mentions");
const options = () => [...(list()?.querySelectorAll<HTMLElement>("[role=option]") ?? [])];

/** What stands between the last @ before the caret and the caret; null where no name is being written. */
function begun(field: HTMLTextAreaElement): string | null {
  if (field.selectionStart !== field.selectionEnd) return null;
  return SAID.exec(field.value.slice(0, field.selectionStart))?.[1] ?? null;
}

function shut(): void {
  const field = list()?.previousElementSibling;
  for (const name of ["aria-controls", "aria-activedescendant", "aria-haspopup"]) field?.removeAttribute(name);
  list()?.remove();
}

function choose(option: HTMLElement | undefined): void {
  for (const each of options()) each.setAttribute("aria-selected", String(each === option));
  if (!option) return;
  option.scrollIntoView({ block: "nearest" });
  list()?.previousElementSibling?.setAttribute("aria-activedescendant", option.id);
}

function take(field: HTMLTextAreaElement, option: HTMLElement): void {
  const said = begun(field);
  if (said === null) return shut();
  const at = field.selectionStart;
  field.setRangeText(`${option.dataset["name"] ?? ""} `, at - said.length, at, "end");
  shut();
  field.focus();
}

let due = 0;
function offer(field: HTMLTextAreaElement): void {
  clearTimeout(due);
  const said = begun(field);
  const url = panel()?.dataset["people"];
  if (said === null || !url) return shut();
  due = window.setTimeout(() => {
    const place = document.createElement("ul");
    void htmx.ajax("get", url, { source: document.body, target: place, swap: "innerHTML", values: { q: said.trim() } }).then(() => {
      if (begun(field) !== said || !field.isConnected) return;
      shut();
      if (!place.firstElementChild) return;
      place.id = "mentions";
      place.className = "mentions";
      place.setAttribute("role", "listbox");
      place.setAttribute("aria-label", panel()?.dataset["peopleLabel"] ?? "");
      field.after(place);
      field.setAttribute("aria-controls", place.id);
      field.setAttribute("aria-haspopup", "listbox");
      choose(options()[0]);
    });
  }, WAIT_MS);
}

function pressed(event: KeyboardEvent): void {
  const field = event.target;
  if (!(field instanceof HTMLTextAreaElement) || list()?.previousElementSibling !== field) return;
  const all = options();
  const now = all.findIndex((each) => each.getAttribute("aria-selected") === "true");
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by) choose(all[(now + by + all.length) % all.length]);
  else if ((event.key === "Enter" || event.key === "Tab") && all[now]) take(field, all[now]);
  else if (event.key === "Escape") shut();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** Says what the next comment is about: a node by its id, "" for the workflow. */
function about(node: string): boolean {
  const line = panel()?.querySelector<HTMLElement>("[data-comment-on]");
  const input = line?.querySelector<HTMLInputElement>("[name=node]");
  if (!line || !input) return false;
  input.value = node;
  line.querySelector("code")!.textContent = node;
  line.hidden = !node;
  panel()?.querySelector<HTMLTextAreaElement>("#comment-new")?.focus();
  return true;
}

let wanted = "";
function asked(event: Event): void {
  wanted = (event as CustomEvent<{ node: string }>).detail.node;
  document.querySelector<HTMLElement>('[data-opens="#comments-sheet"]')?.click();
  if (about(wanted)) wanted = "";
}

const unsent = (place: Element) =>
  [...place.querySelectorAll("textarea")].some((each) => each.value !== each.defaultValue) ||
  Boolean(place.querySelector<HTMLInputElement>("[name=node]")?.value);

export function start(): void {
  document.addEventListener("input", (event) => {
    if (event.target instanceof HTMLTextAreaElement && event.target.closest("#comments")) offer(event.target);
  });
  // Before the dialog hears of Escape, and before Enter makes a line.
  document.addEventListener("keydown", pressed, true);
  document.addEventListener("pointerdown", (event) => {
    const option = (event.target as Element).closest?.<HTMLElement>("#mentions [role=option]");
    const field = list()?.previousElementSibling;
    if (!option || !(field instanceof HTMLTextAreaElement)) return shut();
    event.preventDefault();
    take(field, option);
  });
  document.addEventListener("click", (event) => {
    if ((event.target as Element).closest?.("[data-comment-off]")) about("");
  });
  document.body.addEventListener("comment-on", asked);
  htmx.onLoad(() => {
    if (wanted && about(wanted)) wanted = "";
  });
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const place = event.target as Element;
    const verb = ((event as CustomEvent).detail as { requestConfig: { verb: string } }).requestConfig.verb;
    if (place.id === "comments" && verb === "get" && unsent(place)) event.preventDefault();
  });
}
