// The run below the canvas: its height is drawn with the mouse or the arrow keys, remembered, and folded away with a button.
const KEY = "millrace.drawer";
const LEAST = 120;
const STEP = 24;

interface Kept {
  height: number;
  open: boolean;
}

const slot = () => document.querySelector<HTMLElement>("[data-drawer]");
const most = () => Math.max(LEAST, Math.round(window.innerHeight * 0.6));
const narrow = () => window.innerWidth < 900;

function kept(): Kept {
  const fresh = { height: narrow() ? 360 : 220, open: !narrow() };
  try {
    return { ...fresh, ...(JSON.parse(localStorage.getItem(`${KEY}${narrow() ? ".narrow" : ""}`) ?? "{}") as Partial<Kept>) };
  } catch {
    return fresh;
  }
}

function keep(change: Partial<Kept>): void {
  const next = { ...kept(), ...change };
  localStorage.setItem(`${KEY}${narrow() ? ".narrow" : ""}`, JSON.stringify(next));
  show(next);
}

function show({ height, open }: Kept): void {
  const place = slot();
  if (!place) return;
  const shown = Math.max(LEAST, Math.min(height, most()));
  place.style.setProperty("--drawer", `${shown}px`);
  place.toggleAttribute("data-folded", !open);
  place.querySelector("[data-run-fold]")?.setAttribute("aria-expanded", String(open));
  const grip = place.querySelector(".drawer-grip");
  for (const [name, value] of [["now", shown], ["min", LEAST], ["max", most()]] as const) grip?.setAttribute(`aria-value${name}`, String(value));
}

function drag(down: PointerEvent): void {
  const grip = (down.target as Element).closest<HTMLElement>(".drawer-grip");
  const place = slot();
  if (!grip || !place || down.button !== 0) return;
  down.preventDefault();
  const from = place.offsetHeight;
  grip.setPointerCapture(down.pointerId);
  const to = (event: PointerEvent): number => Math.max(LEAST, Math.min(from + down.clientY - event.clientY, most()));
  const move = (event: PointerEvent): void => show({ height: to(event), open: true });
  grip.addEventListener("pointermove", move);
  grip.addEventListener(
    "lostpointercapture",
    (event) => {
      grip.removeEventListener("pointermove", move);
      keep({ height: to(event as PointerEvent), open: true });
    },
    { once: true },
  );
}

function pressed(event: KeyboardEvent): void {
  const by = { ArrowUp: STEP, ArrowDown: -STEP }[event.key];
  if (!by || !(event.target as Element).matches(".drawer-grip")) return;
  event.preventDefault();
  keep({ height: Math.max(LEAST, Math.min(kept().height + by, most())), open: true });
}

const RAN = "millrace.ran";

/** Workflows that had a run when they were seen last: their drawer's place is held open while it is on its way. */
function ran(): string[] {
  try {
    return JSON.parse(localStorage.getItem(RAN) ?? "[]") as string[];
  } catch {
    return [];
  }
}

function settled(): void {
  const place = slot();
  const id = place?.dataset["drawer"] ?? "";
  if (!place?.querySelector(".run-drawer")) return;
  const others = ran().filter((each) => each !== id);
  const idle = place.querySelector("[data-idle]") !== null;
  localStorage.setItem(RAN, JSON.stringify(idle ? others : [...others, id].slice(-100)));
  show(kept());
}

export function start(): void {
  const place = slot();
  if (!place) return;
  place.toggleAttribute("data-expected", ran().includes(place.dataset["drawer"] ?? ""));
  show(kept());
  document.addEventListener("pointerdown", drag);
  document.addEventListener("keydown", pressed);
  document.addEventListener("click", (event) => {
    if ((event.target as Element).closest("[data-run-fold]")) keep({ open: !kept().open });
  });
  document.body.addEventListener("htmx:afterSettle", settled);
  window.addEventListener("resize", () => show(kept()));
  // The first run of a workflow opens the drawer.
  document.body.addEventListener("htmx:afterSwap", () => slot()?.querySelector("[data-idle] > [data-run]")?.parentElement?.removeAttribute("data-idle"));
}
