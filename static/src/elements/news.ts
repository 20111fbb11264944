// When a run makes something, money moves, and the balance's socket says so on every page. Lists that show the newest
// listen to `news` on the body and look again: at once, and once more for what came just after.
import htmx from "./htmx";

const SOON_MS = 300;
const AGAIN_MS = 4_000;
let soon = 0;
let again = 0;

function heard(event: Event): void {
  const { message } = (event as CustomEvent<{ message?: unknown }>).detail;
  if (typeof message !== "string" || !message.includes('id="balance"')) return;
  window.clearTimeout(soon);
  window.clearTimeout(again);
  soon = window.setTimeout(tell, SOON_MS);
  again = window.setTimeout(tell, AGAIN_MS);
}

function tell(): void {
  if (!document.hidden) htmx.trigger(document.body, "news", {});
}

/** A list that says the same as before stays as it is: focus, hover and a playing video are kept. */
function calm(event: Event): void {
  const { detail } = event as CustomEvent<{ target: HTMLElement; serverResponse: string; shouldSwap: boolean }>;
  if (!detail.target.hasAttribute("data-calm")) return;
  const text = detail.serverResponse.replace(/<time[^>]*>[^<]*<\/time>/g, "");
  if (shown.get(detail.target) === text) detail.shouldSwap = false;
  else shown.set(detail.target, text);
}

const shown = new WeakMap<HTMLElement, string>();

export function start(): void {
  document.body.addEventListener("htmx:wsAfterMessage", heard);
  document.body.addEventListener("htmx:beforeSwap", calm);
}
