// The timeline's axis: ticks that fit any span from milliseconds to weeks, a closer look by dragging or by keys, and what
// a bar has to say. Rows are placed by CSS alone: `--from` and `--span` (milliseconds) on the console move all of them.
const STEPS_MS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5,
  864e5, 1728e5, 6048e5, 12096e5,
];
const UNITS: [Intl.NumberFormatOptions["unit"], number][] = [["day", 864e5], ["hour", 36e5], ["minute", 6e4], ["second", 1e3], ["millisecond", 1]];
const TICK_PX = 64;
const LABEL_PX = 36;
const LEAST_MS = 2;
const BEAT_MS = 1000;

interface View {
  run: string;
  span: number;
  live: boolean;
  at: number;
  from: number;
  to: number | null;
}
let view: View | null = null;

const consoleOf = () => document.querySelector<HTMLElement>(".run-console[data-run]");
const ticksOf = () => consoleOf()?.querySelector<HTMLElement>(".ticks") ?? null;

/** How long the run is by now: what the server said, and the time since, while it goes on. */
const spanNow = (each: View) => each.span + (each.live ? performance.now() - each.at : 0);

function label(ms: number, step: number): string {
  if (ms === 0) return "0";
  const [unit, size] = UNITS.find(([, one]) => ms >= one && step >= one / 10) ?? UNITS.at(-1)!;
  const digits = step % size ? 1 : 0;
  const format = new Intl.NumberFormat(document.documentElement.lang || "en", { style: "unit", unit, unitDisplay: "narrow", maximumFractionDigits: digits });
  // A thin space before the unit, as in every other duration on the page.
  return format.formatToParts(ms / size).map(({ type, value }) => (type === "unit" ? `\u202f${value.trim()}` : value.trim())).join("");
}

const stepFor = (span: number, width: number) => STEPS_MS.find((step) => (step / span) * width >= TICK_PX) ?? STEPS_MS.at(-1)!;

function draw(): void {
  const place = consoleOf();
  const ticks = ticksOf();
  if (!place || !ticks || !view) return;
  const whole = Math.max(LEAST_MS, spanNow(view) * 1.01);
  const to = Math.min(view.to ?? whole, whole);
  const span = Math.max(LEAST_MS, to - view.from);
  const step = stepFor(span, ticks.clientWidth || 600);
  place.style.setProperty("--from", String(view.from));
  place.style.setProperty("--span", String(span));
  place.style.setProperty("--now", String(spanNow(view)));
  place.style.setProperty("--grid", `${(step / span) * 100}%`);
  place.querySelector<HTMLElement>("[data-axis-whole]")!.hidden = view.to === null && view.from === 0;
  const count = Math.floor(span / step) + 1;
  const shown = `${view.from} ${step} ${count} ${span.toFixed(0)}`;
  if (ticks.dataset["shown"] === shown) return;
  ticks.dataset["shown"] = shown;
  ticks.replaceChildren(
    ...Array.from({ length: count }, (_, index) => {
      const tick = document.createElement("span");
      // A label that would be cut off at the end is left out; its line stays.
      if (1 - (index * step) / span > LABEL_PX / (ticks.clientWidth || 600)) tick.textContent = label(view!.from + index * step, step);
      tick.style.left = `${((index * step) / span) * 100}%`;
      return tick;
    }),
  );
}

/** Looks at a part of the run; begins at a tick, so that the lines of the grid need no offset. */
function look(from: number, to: number): void {
  if (!view) return;
  const whole = spanNow(view) * 1.01;
  const length = Math.max(LEAST_MS, Math.min(whole, to - from));
  const step = stepFor(length, ticksOf()?.clientWidth || 600);
  const begin = Math.max(0, Math.floor(Math.min(from, whole - length) / step) * step);
  const all = length >= whole * 0.999;
  view.from = all ? 0 : begin;
  view.to = all ? null : begin + length;
  draw();
}

function dragged(down: PointerEvent): void {
  const ticks = (down.target as Element).closest<HTMLElement>(".ticks");
  if (!ticks || !view || down.button !== 0) return;
  const box = ticks.getBoundingClientRect();
  const span = Number(consoleOf()!.style.getPropertyValue("--span"));
  const at = (event: PointerEvent) => view!.from + (Math.max(0, Math.min(box.width, event.clientX - box.left)) / box.width) * span;
  const begin = at(down);
  const mark = document.createElement("i");
  ticks.append(mark);
  ticks.setPointerCapture(down.pointerId);
  const move = (event: PointerEvent): void => {
    const [a, b] = [begin, at(event)].sort((one, other) => one - other) as [number, number];
    mark.style.left = `${((a - view!.from) / span) * 100}%`;
    mark.style.width = `${((b - a) / span) * 100}%`;
  };
  ticks.addEventListener("pointermove", move);
  ticks.addEventListener(
    "lostpointercapture",
    (event) => {
      ticks.removeEventListener("pointermove", move);
      mark.remove();
      const [a, b] = [begin, at(event as PointerEvent)].sort((one, other) => one - other) as [number, number];
      if (((b - a) / span) * box.width > 6) look(a, b);
    },
    { once: true },
  );
}

function pressed(event: KeyboardEvent): void {
  if (!view || !(event.target as Element).matches(".ticks") || event.ctrlKey || event.metaKey || event.altKey) return;
  const span = Number(consoleOf()!.style.getPropertyValue("--span"));
  const { from } = view;
  const middle = from + span / 2;
  const acts: Record<string, () => void> = {
    "+": () => look(middle - span / 4, middle + span / 4),
    "=": () => look(middle - span / 4, middle + span / 4),
    "-": () => look(middle - span, middle + span),
    ArrowLeft: () => look(from - span / 4, from + span * 0.75),
    ArrowRight: () => look(from + span / 4, from + span * 1.25),
    "0": () => look(0, Infinity),
  };
  const act = acts[event.key];
  if (!act) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}

/** Takes over what the head says of the run's length, and marks the steps that it hangs on once the run is over. */
export function timelineRead(): void {
  const place = consoleOf();
  const said = place?.querySelector<HTMLElement>("[data-span]");
  if (!place || !said) return;
  const run = place.dataset["run"]!;
  const known = view?.run === run ? view : null;
  view = { run, span: Number(said.dataset["span"]), live: "live" in said.dataset, at: performance.now(), from: known?.from ?? 0, to: known?.to ?? null };
  const path = new Set((said.dataset["path"] ?? "").split(" ").filter(Boolean));
  for (const row of place.querySelectorAll<HTMLElement>(".run-rows > li[id]")) {
    row.classList.toggle("on-path", path.has(row.id.slice(row.id.indexOf("-") + 1)));
  }
  draw();
}

const tip = document.createElement("div");
tip.className = "bar-tip";
tip.setAttribute("aria-hidden", "true");

function tipShow(event: Event): void {
  const bar = (event.target as Element).closest?.(".lane > b[aria-label]");
  tip.remove();
  if (!bar) return;
  tip.textContent = bar.getAttribute("aria-label");
  document.body.append(tip);
  const box = bar.getBoundingClientRect();
  const left = Math.max(8, Math.min(box.left, window.innerWidth - tip.offsetWidth - 8));
  const above = box.top - tip.offsetHeight - 6;
  tip.style.translate = `${left}px ${above > 0 ? above : box.bottom + 6}px`;
}

export function start(): void {
  for (const name of ["pointerover", "focusin"]) document.addEventListener(name, tipShow);
  for (const name of ["focusout", "scroll"]) document.addEventListener(name, () => tip.remove(), true);
  document.addEventListener("pointerdown", dragged);
  document.addEventListener("keydown", pressed);
  document.addEventListener("dblclick", (event) => (event.target as Element).closest(".ticks") && look(0, Infinity));
  document.addEventListener("click", (event) => (event.target as Element).closest("[data-axis-whole]") && look(0, Infinity));
  document.addEventListener("change", (event) => (event.target as Element).closest(".run-tabs") && draw());
  window.addEventListener("resize", draw);
  window.setInterval(() => view?.live && !document.hidden && draw(), BEAT_MS);
  timelineRead();
}
