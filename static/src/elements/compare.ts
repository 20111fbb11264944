// The grid of variants: sorted as asked, walked through by the arrow keys, looked at one by one or two together. What
// changes while a run is under way changes in its own cell, so nothing else moves and nothing that plays stops.
import htmx from "./htmx";

const LOOK_MS = 1_500;
/** What is marked for comparing two, by place; and the order that was asked for. */
const marked: string[] = [];
let order = "place";

const grids = () => [...document.querySelectorAll<HTMLElement>(".comparison")];
const gridOf = (element: Element) => element.closest<HTMLElement>(".comparison");
const cellsOf = (grid: Element) => [...grid.querySelectorAll<HTMLElement>(".variants > .variant")];
const number = (cell: HTMLElement, name: string) => Number(cell.dataset[name] || Number.POSITIVE_INFINITY);

function sort(grid: HTMLElement): void {
  const select = grid.querySelector<HTMLSelectElement>("[data-compare-sort]");
  if (select) select.value = order;
  const rank = (cell: HTMLElement): number => {
    if (order === "place") return 0;
    if (!("made" in cell.dataset)) return Number.POSITIVE_INFINITY;
    return order === "votes" ? -number(cell, "votes") : number(cell, order);
  };
  const before = cellsOf(grid);
  const after = [...before].sort((a, b) => compare(rank(a), rank(b)) || number(a, "place") - number(b, "place"));
  if (after.some((cell, at) => cell !== before[at])) grid.querySelector(".variants")!.append(...after);
  after.forEach((cell, at) => (cell.tabIndex = cell === document.activeElement || (at === 0 && !after.includes(document.activeElement as HTMLElement)) ? 0 : -1));
}

const compare = (a: number, b: number) => (a === b ? 0 : a - b);

function marksShow(grid: HTMLElement): void {
  for (const cell of cellsOf(grid)) {
    const on = marked.includes(cell.dataset.place!);
    cell.toggleAttribute("data-marked", on);
    cell.querySelector("[data-compare-mark]")?.setAttribute("aria-pressed", String(on));
  }
  const two = grid.querySelector<HTMLButtonElement>("[data-compare-two]");
  if (two) two.disabled = marked.length !== 2;
}

/** Two at most: a third takes the place of the first. */
function mark(cell: HTMLElement): void {
  const place = cell.dataset.place!;
  const at = marked.indexOf(place);
  if (at >= 0) marked.splice(at, 1);
  else marked.push(place);
  if (marked.length > 2) marked.shift();
  marksShow(gridOf(cell)!);
}

/** Takes over what a fresh look at the same grid says; another run's grid takes the place of this one. */
function merge(grid: HTMLElement, html: string): void {
  const fresh = new DOMParser().parseFromString(html, "text/html").querySelector<HTMLElement>(".comparison");
  if (!fresh) return;
  if (fresh.dataset.compare !== grid.dataset.compare) return replace(grid, fresh);
  for (const cell of cellsOf(fresh)) {
    const old = grid.querySelector<HTMLElement>(`#${cell.id}`);
    if (!old || old.dataset.mark === cell.dataset.mark) continue;
    cellReplace(old, cell);
  }
  grid.toggleAttribute("data-live", fresh.hasAttribute("data-live"));
  for (const part of [".comparison-what", ".comparison-said", ".note"]) {
    const [now, then] = [grid.querySelector(`:scope > ${part}, :scope > header > ${part}`), fresh.querySelector(`:scope > ${part}, :scope > header > ${part}`)];
    if (then && now) now.replaceWith(then);
    else if (then) grid.querySelector(".comparison-head")!.after(then);
    else now?.remove();
  }
  settle(grid);
}

function cellReplace(old: HTMLElement, cell: HTMLElement): void {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const media = old.querySelector(".variant-media");
  // The picture that is there stays: only what is said of it changes.
  if (old.hasAttribute("data-made") && cell.hasAttribute("data-made") && media && !cell.querySelector(".variant-blank")) cell.querySelector(".variant-media")!.replaceWith(media);
  old.replaceWith(cell);
  htmx.process(cell);
  if (!focused) return;
  const again = focused === old ? cell : cell.querySelector<HTMLElement>(focused.id ? `#${focused.id}` : "button");
  (again ?? cell).focus({ preventScroll: true });
}

function replace(grid: HTMLElement, fresh: HTMLElement): void {
  const place = (document.activeElement as HTMLElement | null)?.closest<HTMLElement>(".variant")?.dataset.place;
  grid.replaceWith(fresh);
  htmx.process(fresh);
  if (location.pathname.includes("/compare/")) history.replaceState(history.state, "", fresh.dataset.compare);
  settle(fresh);
  if (place !== undefined) fresh.querySelector<HTMLElement>(`.variant[data-place="${place}"]`)?.focus({ preventScroll: true });
}

function settle(grid: HTMLElement): void {
  sort(grid);
  marksShow(grid);
}

async function look(): Promise<void> {
  for (const grid of grids()) {
    if (!grid.hasAttribute("data-live") || document.hidden) continue;
    try {
      const answer = await fetch(grid.dataset.compare!, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
      if (answer.ok && grid.isConnected) merge(grid, await answer.text());
    } catch {
      // The next look will tell.
    }
  }
  setTimeout(() => void look(), LOOK_MS);
}

// --- one large, or two together

const viewOf = (grid: Element) => grid.querySelector<HTMLDialogElement>("[data-variant-view]")!;

function shownLarge(cell: HTMLElement): HTMLElement {
  const box = document.createElement("figure");
  const media = cell.querySelector(".variant-media")!.cloneNode(true) as HTMLElement;
  media.querySelectorAll<HTMLImageElement>("img[data-full]").forEach((image) => (image.src = image.dataset.full!));
  const about = cell.querySelector(".variant-title")!.cloneNode(true) as HTMLElement;
  const caption = document.createElement("figcaption");
  caption.append(about, cell.querySelector(".variant-facts")!.cloneNode(true));
  box.append(media, caption);
  return box;
}

function show(grid: HTMLElement, cells: HTMLElement[]): void {
  const view = viewOf(grid);
  const stage = view.querySelector<HTMLElement>("[data-variant-stage]")!;
  view.dataset.places = cells.map((cell) => cell.dataset.place).join(" ");
  stage.replaceChildren(...cells.map(shownLarge));
  stage.dataset.two = String(cells.length === 2);
  stage.toggleAttribute("data-over", false);
  view.querySelector<HTMLElement>("[data-variant-flicker]")!.hidden = cells.length !== 2;
  view.querySelector("[data-variant-flicker]")!.setAttribute("aria-pressed", "false");
  view.querySelector("[data-variant-caption]")!.textContent = cells.map((cell) => cell.getAttribute("aria-label")).join(" · ");
  if (!view.open) view.showModal();
}

/** One lies over the other at the same place; each press shows the other. */
function flicker(view: HTMLDialogElement): void {
  const stage = view.querySelector<HTMLElement>("[data-variant-stage]")!;
  if (stage.dataset.two !== "true") return;
  if (!stage.hasAttribute("data-over")) stage.setAttribute("data-over", "0");
  else stage.dataset.over = stage.dataset.over === "0" ? "1" : "0";
  [...stage.children].forEach((figure, at) => figure.toggleAttribute("data-under", String(at) !== stage.dataset.over));
  view.querySelector("[data-variant-flicker]")!.setAttribute("aria-pressed", "true");
}

function flickerEnd(view: HTMLDialogElement): void {
  view.querySelector<HTMLElement>("[data-variant-stage]")!.removeAttribute("data-over");
  view.querySelector("[data-variant-flicker]")!.setAttribute("aria-pressed", "false");
}

function step(view: HTMLDialogElement, by: number): void {
  const grid = gridOf(view)!;
  const all = cellsOf(grid).filter((cell) => "made" in cell.dataset);
  const at = all.findIndex((cell) => cell.dataset.place === view.dataset.places);
  const next = all[at + by];
  if (at >= 0 && next) show(grid, [next]);
}

// --- pointer and keys

function clicked(event: MouseEvent): void {
  const target = event.target as HTMLElement;
  const grid = gridOf(target);
  if (!grid) return;
  const view = target.closest<HTMLDialogElement>("[data-variant-view]");
  if (view) return viewClicked(view, target);
  const cell = target.closest<HTMLElement>(".variant");
  if (target.closest("[data-compare-two]")) return show(grid, cellsOf(grid).filter((each) => marked.includes(each.dataset.place!)));
  if (cell && target.closest("[data-compare-mark]")) return mark(cell);
  if (cell && target.closest(".variant-media img, .variant-text")) show(grid, [cell]);
}

function viewClicked(view: HTMLDialogElement, target: HTMLElement): void {
  if (target.closest("[data-variant-size]")) {
    const large = view.toggleAttribute("data-large");
    target.closest("[data-variant-size]")!.setAttribute("aria-pressed", String(large));
  } else if (target.closest("[data-variant-flicker]")) {
    if (view.querySelector("[data-variant-stage]")!.hasAttribute("data-over")) flickerEnd(view);
    else flicker(view);
  } else if (target.closest("figure")) flicker(view);
  else if (target === view) view.close();
}

function pressed(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  const grid = target instanceof Element ? gridOf(target) : null;
  if (!grid || event.ctrlKey || event.metaKey || event.altKey || target.matches("input, textarea, select, video, audio")) return;
  const view = target.closest<HTMLDialogElement>("[data-variant-view]");
  if (view ? viewKey(view, event.key) : cellKey(target, event.key)) event.preventDefault();
}

function viewKey(view: HTMLDialogElement, key: string): boolean {
  const two = view.querySelector<HTMLElement>("[data-variant-stage]")!.dataset.two === "true";
  if (two && (key === " " || key.startsWith("Arrow"))) flicker(view);
  else if (key === "ArrowRight") step(view, 1);
  else if (key === "ArrowLeft") step(view, -1);
  else return false;
  return true;
}

function cellKey(target: HTMLElement, key: string): boolean {
  const cell = target.closest<HTMLElement>(".variant");
  if (!cell) return false;
  if (key.startsWith("Arrow")) return move(cell, key);
  if (key === "v") cell.querySelector<HTMLElement>(".variant-vote")?.click();
  else if (key === "c" && cell.querySelector("[data-compare-mark]")) mark(cell);
  else if (key === "u") cell.querySelector<HTMLElement>(".variant-use")?.click();
  else if (key === "Enter" && target === cell && "made" in cell.dataset) show(gridOf(cell)!, [cell]);
  else return false;
  return true;
}

/** To the next cell as they lie on the screen. */
function move(cell: HTMLElement, key: string): boolean {
  const all = cellsOf(gridOf(cell)!);
  const at = all.indexOf(cell);
  const box = cell.getBoundingClientRect();
  const beside = all.filter((each) => Math.abs(each.getBoundingClientRect().left - box.left) < 4);
  const row = beside.indexOf(cell);
  const next = { ArrowRight: all[at + 1], ArrowLeft: all[at - 1], ArrowDown: beside[row + 1], ArrowUp: beside[row - 1] }[key];
  if (!next) return false;
  all.forEach((each) => (each.tabIndex = each === next ? 0 : -1));
  next.focus();
  return true;
}

export function start(): void {
  document.addEventListener("click", clicked);
  document.addEventListener("keydown", pressed);
  document.addEventListener("change", (event) => {
    const select = event.target as HTMLSelectElement;
    if (!select.matches("[data-compare-sort]")) return;
    order = select.value;
    sort(gridOf(select)!);
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    const { elt, xhr } = (event as CustomEvent<{ elt: Element; xhr: XMLHttpRequest }>).detail;
    const grid = elt.closest(".variant-acts") ? gridOf(elt) : null;
    if (grid && (xhr.status === 200 || xhr.status === 422)) merge(grid, xhr.responseText);
  });
  htmx.onLoad((element) => {
    const grid = (element as Element).matches?.(".comparison") ? (element as HTMLElement) : (element as Element).querySelector?.<HTMLElement>(".comparison");
    if (grid) settle(grid);
  });
  grids().forEach(settle);
  setTimeout(() => void look(), LOOK_MS);
}
