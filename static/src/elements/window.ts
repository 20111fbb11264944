// Long lists keep only what is seen, and a margin, in the document. Whole rows are taken out above and below, and a space
// of their height stands for them, so nothing moves; they are kept aside as they are and put back when they come near.
// `data-window="<selector of an item>"` on the list says so. Coming back to a page restores how far it had been read.
import htmx from "./htmx";

const MARGIN_PX = 1200;
// Coming back fetches at most so many items, in as few pages as the server gives.
const RETURN_MOST = 4800;
const PAGE_MOST = 480;

interface Place {
  item: HTMLElement;
  top: number;
  height: number;
}

class Windowed {
  private places: Place[] = [];
  private from = 0;
  private to = 0;
  private width = 0;
  private readonly above = space();
  private readonly below = space();
  private own = false;

  constructor(readonly list: HTMLElement) {
    list.prepend(this.above);
    list.append(this.below);
    this.read();
    new MutationObserver(() => this.own || this.read()).observe(list, { childList: true });
    new ResizeObserver(() => list.clientWidth !== this.width && this.again()).observe(list);
  }

  get count(): number {
    return this.places.length;
  }

  /** The item at the top of the window and how far down it begins. */
  anchor(): { index: number; offset: number } {
    const base = this.list.getBoundingClientRect().top;
    const index = this.places.findIndex(({ top, height }) => base + top + height > 60);
    return { index: Math.max(0, index), offset: base + (this.places[index]?.top ?? 0) };
  }

  scrollTo({ index, offset }: { index: number; offset: number }): void {
    const place = this.places[Math.min(index, this.places.length - 1)];
    if (place) window.scrollBy(0, this.list.getBoundingClientRect().top + place.top - offset);
    this.show();
  }

  /** Something came or went: what is in the document now, between what is kept aside. */
  private read(): void {
    const seen = [...this.list.querySelectorAll<HTMLElement>(`:scope > ${this.list.dataset.window}`)];
    const known = new Map(this.places.map((place) => [place.item, place]));
    const place = (item: HTMLElement) => known.get(item) ?? { item, top: 0, height: 0 };
    // News come before everything, also before what is kept aside.
    const news = seen.filter((item) => item.compareDocumentPosition(this.above) & Node.DOCUMENT_POSITION_FOLLOWING);
    const anchor = this.anchor();
    const fresh = seen.slice(news.length).map(place);
    this.places = [...news.map(place), ...this.places.slice(0, this.from), ...fresh, ...this.places.slice(this.to)];
    if (news.length) return this.again({ ...anchor, index: anchor.index + news.length });
    this.to = this.from + fresh.length;
    this.changing(() => {
      const more = this.list.querySelector(":scope > .more");
      if (more && more.previousElementSibling !== this.below) more.before(this.below);
      else if (!more && this.list.lastElementChild !== this.below) this.list.append(this.below);
    });
    this.show();
  }

  /** Where everything in the document lies; what comes after it moves along. */
  private measure(): void {
    const base = this.list.getBoundingClientRect().top;
    const last = this.places[this.to - 1];
    const before = last ? last.top + last.height : 0;
    for (const place of this.places.slice(this.from, this.to)) {
      const box = place.item.getBoundingClientRect();
      place.top = box.top - base;
      place.height = box.height;
    }
    const moved = last ? last.top + last.height - before : 0;
    if (moved) for (const place of this.places.slice(this.to)) place.top += moved;
    this.width = this.list.clientWidth;
  }

  show(): void {
    if (!this.list.isConnected || !this.places.length) return;
    this.measure();
    const base = this.list.getBoundingClientRect().top;
    const [first, end] = [-base - MARGIN_PX, window.innerHeight - base + MARGIN_PX];
    let from = this.places.findIndex(({ top, height }) => top + height > first);
    if (from < 0) from = this.places.length - 1;
    let to = from + 1;
    while (to < this.places.length && this.places[to]!.top < end) to += 1;
    // Whole rows only: items of one row begin at one height.
    while (from > 0 && this.places[from - 1]!.top === this.places[from]!.top) from -= 1;
    while (to < this.places.length && this.places[to]!.top === this.places[to - 1]!.top) to += 1;
    if (from !== this.from || to !== this.to) this.changing(() => this.put(from, to));
  }

  private put(from: number, to: number): void {
    this.places.slice(this.from, this.to).forEach(({ item }, at) => (this.from + at < from || this.from + at >= to) && item.remove());
    let next: Element = this.below;
    for (let at = to - 1; at >= from; at -= 1) {
      const { item } = this.places[at]!;
      item.setAttribute("aria-posinset", String(at + 1));
      item.setAttribute("aria-setsize", "-1");
      if (item.nextElementSibling !== next) next.before(item);
      next = item;
    }
    [this.from, this.to] = [from, to];
    const [top, last, end] = [this.places[from]!, this.places[to - 1]!, this.places.at(-1)!];
    const gap = Number.parseFloat(getComputedStyle(this.list).rowGap) || 0;
    height(this.above, top.top - this.places[0]!.top - gap);
    height(this.below, end.top + end.height - last.top - last.height - gap);
  }

  /** Another width makes other rows: everything is laid out once, and what was on top stays there. */
  private again(anchor = this.anchor()): void {
    this.changing(() => {
      this.list.prepend(this.above);
      for (const { item } of this.places) this.below.before(item);
      height(this.above, 0);
      height(this.below, 0);
    });
    [this.from, this.to] = [0, this.places.length];
    this.measure();
    this.scrollTo(anchor);
  }

  private changing(change: () => void): void {
    this.own = true;
    change();
    // The observer's records are delivered after this turn: it must still know whose they are.
    queueMicrotask(() => queueMicrotask(() => (this.own = false)));
  }
}

function space(): HTMLElement {
  const made = document.createElement("div");
  made.className = "window-space";
  made.hidden = true;
  return made;
}

function height(made: HTMLElement, pixels: number): void {
  made.hidden = pixels <= 0;
  made.style.height = `${Math.max(0, pixels)}px`;
}

const windows = new Map<Element, Windowed>();
const key = () => `millrace.place:${location.pathname}${location.search}`;

function found(): void {
  for (const list of windows.keys()) if (!list.isConnected) windows.delete(list);
  for (const list of document.querySelectorAll<HTMLElement>("[data-window]")) if (!windows.has(list)) windows.set(list, new Windowed(list));
}

function kept(): void {
  const first = [...windows.values()][0];
  if (first) sessionStorage.setItem(key(), JSON.stringify({ count: first.count, ...first.anchor() }));
}

/** Back on a page that was read further than its first items. */
async function back(): Promise<void> {
  const navigation = performance.getEntriesByType("navigation")[0] as PerformanceNavigationTiming | undefined;
  const was = sessionStorage.getItem(key());
  const first = [...windows.values()][0];
  if (!first || !was || navigation?.type !== "back_forward") return;
  const place = JSON.parse(was) as { count: number; index: number; offset: number };
  const wanted = Math.min(place.count, RETURN_MOST);
  for (let more = next(first); more && first.count < wanted; more = next(first)) {
    const before = first.count;
    await htmx.ajax("get", `${more.getAttribute("hx-get")}&limit=${Math.min(PAGE_MOST, wanted - first.count)}`, { target: more, swap: "outerHTML" });
    await new Promise((done) => setTimeout(done));
    if (first.count === before) break;
  }
  first.scrollTo(place);
}

const next = ({ list }: Windowed) => list.querySelector<HTMLElement>(":scope > .more");

export function start(): void {
  found();
  let waiting = false;
  const look = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      for (const each of windows.values()) each.show();
    });
  };
  document.addEventListener("scroll", look, { passive: true });
  document.body.addEventListener("htmx:afterSwap", found);
  window.addEventListener("pagehide", kept);
  void back();
}
