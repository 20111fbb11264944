// The tape: a row opens its details beside the list, arrows walk through it, and unfinished rows are looked at while the
// page is seen.
import htmx from "./htmx";

const LOOK_MS = 1500;
// With nothing unfinished the tape only asks now and then whether something began.
const IDLE_LOOKS = 8;

const links = () => [...document.querySelectorAll<HTMLAnchorElement>("#tape-list .tape-link")];
const panel = () => document.querySelector<HTMLElement>("#tape-detail");

function open(link: HTMLAnchorElement): void {
  for (const other of links()) other.toggleAttribute("aria-current", false);
  link.setAttribute("aria-current", "true");
  void htmx.ajax("get", `${link.href}?panel=1`, { target: "#tape-detail", swap: "innerHTML" });
}

function close(): void {
  panel()?.replaceChildren();
  const current = links().find((link) => link.hasAttribute("aria-current"));
  current?.removeAttribute("aria-current");
  current?.focus();
}

function clicked(event: MouseEvent): void {
  const target = event.target as Element;
  if (target.closest("[data-tape-close]")) return close();
  const link = target.closest<HTMLAnchorElement>("#tape-list .tape-link");
  if (!link || !panel() || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(link);
}

function pressed(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (!panel() || target.matches("input, textarea, select, video, audio") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && panel()!.childElementCount) return close();
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const all = links();
  const at = all.findIndex((link) => link === target || link.hasAttribute("aria-current"));
  // What had the focus may have been scrolled far away: then the first one seen has it.
  const seen = all.find((link) => link.getBoundingClientRect().top > 60);
  const next = by && at >= 0 ? all[at + by] : by && target === document.body ? seen : undefined;
  if (!next) return;
  event.preventDefault();
  next.focus();
  if (panel()!.childElementCount) open(next);
}

export function start(): void {
  if (!document.querySelector("#tape-list, [hx-get*='/tape/items/']")) return;
  document.addEventListener("click", clicked);
  document.addEventListener("keydown", pressed);
  let looks = 0;
  window.setInterval(() => {
    if (document.hidden || !document.querySelector("#tape-live")) return;
    looks += 1;
    if (document.querySelector("#tape-list [name=id]") || looks % IDLE_LOOKS === 0) htmx.trigger("#tape-live", "look", {});
  }, LOOK_MS);
}
