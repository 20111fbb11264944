// The steps of the console: a click or Enter opens one beside the list, the arrows walk, items of a list unfold a page at
// a time, and what is open is kept true while the run goes on. `#step=<node>.<item>` opens that one.
import htmx from "./htmx";

const AGAIN_MS = 900;

const consoleOf = () => document.querySelector<HTMLElement>(".run-console[data-run]");
const panel = () => consoleOf()?.querySelector<HTMLElement>("[data-run-step]") ?? null;
const links = () => [...(consoleOf()?.querySelectorAll<HTMLAnchorElement>(".run-rows a[href^='#step=']") ?? [])];
/** On the run's own page the address names the open step; the canvas's address is the canvas's. */
const onPage = () => consoleOf()?.parentElement?.matches(".page") ?? false;

function placeOf(hash: string): { node: string; item: string } | null {
  const found = /^#step=(.+)\.(\d+)$/.exec(decodeURIComponent(hash));
  return found ? { node: found[1]!, item: found[2]! } : null;
}

function urlOf(hash: string): string | null {
  const place = placeOf(hash);
  const base = consoleOf()?.dataset["base"];
  return place && base ? `${base}steps/${encodeURIComponent(place.node)}/${place.item}/` : null;
}

function mark(): void {
  const open = panel()?.querySelector<HTMLElement>("[data-step]")?.dataset["step"];
  for (const link of links()) {
    const is = open !== undefined && link.getAttribute("href") === `#step=${open}`;
    if (is) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
    link.closest("li")?.classList.toggle("open", is);
  }
}

function open(hash: string, focus = false): void {
  const url = urlOf(hash);
  const place = panel();
  if (!url || !place) return;
  if (onPage()) history.replaceState(history.state, "", hash);
  place.setAttribute("aria-busy", "true");
  void htmx.ajax("get", url, { target: place, swap: "innerHTML" }).then(() => {
    place.removeAttribute("aria-busy");
    place.scrollTop = 0;
    mark();
    if (focus) place.focus();
  });
}

function close(): void {
  const current = links().find((link) => link.hasAttribute("aria-current"));
  panel()?.replaceChildren();
  if (onPage()) history.replaceState(history.state, "", location.pathname + location.search);
  mark();
  current?.focus();
}

/** Looks again at the open step, keeping what is unfolded; not while somebody types in it. */
let due = 0;
function again(): void {
  const place = panel();
  const step = place?.querySelector<HTMLElement>("[data-step]")?.dataset["step"];
  const url = step && urlOf(`#step=${step}`);
  if (!place || !url || place.querySelector("dialog[open]") || place.querySelector(":focus:is(input, textarea)")) return;
  const unfolded = [...place.querySelectorAll<HTMLDetailsElement>("details[open]")].map((each) => each.dataset["key"]);
  const focused = document.activeElement && place.contains(document.activeElement);
  const top = place.scrollTop;
  void htmx.ajax("get", url, { target: place, swap: "innerHTML" }).then(() => {
    for (const each of place.querySelectorAll("details")) each.open = unfolded.includes(each.dataset["key"]) || each.open;
    place.scrollTop = top;
    if (focused && !place.contains(document.activeElement)) place.focus({ preventScroll: true });
    mark();
  });
}

/** Rows that have moved: what hangs on them, the open step and unfolded items, is looked at again, not too often. */
export function stepsMoved(rows: Element[]): void {
  const current = links().find((link) => link.hasAttribute("aria-current"));
  const open = panel()?.querySelector<HTMLElement>("[data-step]")?.dataset["step"];
  const node = open?.slice(0, open.lastIndexOf("."));
  const mine = rows.some((row) => row.querySelector("a")?.getAttribute("href")?.startsWith(`#step=${node}.`));
  if (open && mine && !due) due = window.setTimeout(() => ((due = 0), again()), AGAIN_MS);
  if (open && !current) mark();
  for (const row of rows) {
    const items = row.nextElementSibling;
    if (!(items instanceof HTMLElement) || !items.matches(".run-items")) continue;
    row.querySelector("[data-expands]")?.setAttribute("aria-expanded", "true");
    if (items.dataset["due"]) continue;
    items.dataset["due"] = "1";
    window.setTimeout(() => void itemsRead(items).then(() => delete items.dataset["due"]), AGAIN_MS);
  }
}

function itemsRead(items: HTMLElement): Promise<void> {
  const { node = "", page = "0" } = items.dataset;
  const url = `${consoleOf()?.dataset["base"]}steps/${encodeURIComponent(node)}/items/?page=${page}`;
  return htmx.ajax("get", url, { target: items, swap: "innerHTML" }).then(mark);
}

function expand(button: HTMLElement): void {
  const row = button.closest("li");
  const next = row?.nextElementSibling;
  const opened = next?.matches(".run-items") ? next : null;
  button.setAttribute("aria-expanded", String(!opened));
  if (opened) return opened.remove();
  const items = document.createElement("li");
  items.className = "run-items";
  items.dataset["node"] = button.dataset["expands"]!;
  row?.after(items);
  void itemsRead(items);
}

function clicked(event: MouseEvent): void {
  const target = event.target as Element;
  if (!target.closest(".run-console")) return;
  if (target.closest("[data-step-close]")) return close();
  const button = target.closest<HTMLElement>("[data-expands]");
  if (button) return expand(button);
  const page = target.closest<HTMLElement>(".run-pages [data-page]");
  const items = page?.closest<HTMLElement>(".run-items");
  if (page && items) {
    items.dataset["page"] = page.dataset["page"];
    return void itemsRead(items);
  }
  const row = target.closest(".run-rows > li[id]");
  const link = row?.querySelector<HTMLAnchorElement>(":scope > a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(link.getAttribute("href")!, event.detail === 0);
}

function pressed(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (!target.closest?.(".run-console") || event.ctrlKey || event.metaKey || event.altKey) return;
  const shown = panel()?.childElementCount;
  if (event.key === "Escape" && shown && !target.closest("dialog")) {
    event.stopPropagation();
    return close();
  }
  if (!target.matches(".run-rows a")) return;
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const all = links();
  const next = by ? all[all.indexOf(target as HTMLAnchorElement) + by] : { Home: all[0], End: all.at(-1) }[event.key];
  if (!next) return;
  event.preventDefault();
  event.stopPropagation();
  next.focus();
  if (shown) open(next.getAttribute("href")!);
}

function arrived(): void {
  if (placeOf(location.hash) && onPage()) open(location.hash);
}

export function start(): void {
  document.addEventListener("click", clicked);
  document.addEventListener("keydown", pressed);
  window.addEventListener("hashchange", arrived);
  // What may be done with a step changes when its run is over.
  window.addEventListener("run-ended", again);
  arrived();
}
