// The gallery: videos play under the pointer, the large view opens in a dialog and is walked through by the arrow keys.

const view = () => document.querySelector<HTMLDialogElement>("#asset-view");
const links = () => [...document.querySelectorAll<HTMLElement>("#gallery-cells .cell > a")];
const STAYS_MS = 10_000;

function step(by: number): void {
  const shown = view()?.querySelector<HTMLElement>("[data-asset]")?.dataset.asset;
  const all = links();
  const at = all.findIndex((link) => link.parentElement!.dataset.asset === shown);
  all[at + by]?.click();
  // The list behind goes along: it keeps only what is near the window.
  all[at + by]?.scrollIntoView({ block: "nearest" });
  // Near the end the next page is fetched before it is needed.
  if (at + by > all.length - 4) document.querySelector<HTMLElement>("#gallery-cells .more")?.click();
}

function pressed(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (target.matches("input, textarea, select, video, audio") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "ArrowRight") step(1);
  else if (event.key === "ArrowLeft") step(-1);
  else return;
  event.preventDefault();
}

/** In the grid, arrows move between cells as they lie on the screen. */
function moved(event: KeyboardEvent): void {
  const all = links();
  const at = all.indexOf(event.target as HTMLElement);
  if (at < 0 || view()?.open) return;
  const box = all[at]!.getBoundingClientRect();
  const centre = box.left + box.width / 2;
  const row = (down: boolean) => {
    const others = all.filter((link) => (down ? link.getBoundingClientRect().top >= box.bottom : link.getBoundingClientRect().bottom <= box.top));
    const edges = others.map((link) => link.getBoundingClientRect().top);
    const top = down ? Math.min(...edges) : Math.max(...edges);
    const near = (link: HTMLElement) => Math.abs(link.getBoundingClientRect().left + link.getBoundingClientRect().width / 2 - centre);
    return others.filter((link) => Math.abs(link.getBoundingClientRect().top - top) < 4).sort((a, b) => near(a) - near(b))[0];
  };
  const next = { ArrowRight: all[at + 1], ArrowLeft: all[at - 1], ArrowDown: row(true), ArrowUp: row(false) }[event.key];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/** What came as news and was there already, as one's own upload, is shown once: where it was. */
function once(event: Event): void {
  const cells = document.getElementById("gallery-cells");
  if (!cells || event.target !== cells) return;
  const seen = new Set<string>();
  for (const cell of [...cells.querySelectorAll<HTMLElement>(":scope > .cell")].reverse()) {
    if (seen.has(cell.id)) cell.remove();
    seen.add(cell.id);
  }
}

function play(link: HTMLElement): void {
  if (link.querySelector("video") || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const video = Object.assign(document.createElement("video"), { muted: true, loop: true, playsInline: true, src: link.dataset.video });
  link.querySelector("img, .plain")?.after(video);
  void video.play().catch(() => video.remove());
  link.addEventListener("pointerleave", () => video.remove(), { once: true });
}

class ZoomImage extends HTMLElement {
  connectedCallback(): void {
    this.addEventListener("click", (event) => {
      const image = this.querySelector("img")!;
      const box = image.getBoundingClientRect();
      const at = { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
      if (!this.toggleAttribute("zoomed")) return;
      if (this.dataset.full && image.getAttribute("src") !== this.dataset.full) image.src = this.dataset.full;
      this.scrollTo(at.x * image.clientWidth - this.clientWidth / 2, at.y * image.clientHeight - this.clientHeight / 2);
    });
  }
}

/** A toast with a way back; it goes when the way was taken, when it is closed, or after ten seconds. */
class UndoToast extends HTMLElement {
  connectedCallback(): void {
    let timer = window.setTimeout(() => this.remove(), STAYS_MS);
    this.addEventListener("pointerenter", () => window.clearTimeout(timer));
    this.addEventListener("pointerleave", () => (timer = window.setTimeout(() => this.remove(), STAYS_MS)));
    this.querySelector("[data-dismiss]")?.addEventListener("click", () => this.remove());
    this.addEventListener("htmx:afterRequest", () => this.remove());
  }
}

export function start(): void {
  customElements.define("zoom-image", ZoomImage);
  customElements.define("undo-toast", UndoToast);
  document.addEventListener("pointerover", (event) => {
    const link = (event.target as Element).closest<HTMLElement>(".cell > a[data-video]");
    if (link && (event as PointerEvent).pointerType === "mouse") play(link);
  });
  document.addEventListener("keydown", (event) => (view()?.open ? pressed(event) : moved(event)));
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-step]");
    if (button) step(Number(button.dataset.step));
    if (event.target === view()) view()!.close();
  });
  document.body.addEventListener("htmx:afterSwap", once);
  document.body.addEventListener("htmx:afterSwap", (event) => {
    const dialog = view();
    if (!dialog || event.target !== dialog) return;
    if (!dialog.open) {
      dialog.showModal();
      dialog.addEventListener("close", () => closed(dialog), { once: true });
    }
    dialog.focus();
    // It was opened to be seen; the controls are there to stop it.
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) void dialog.querySelector("video")?.play().catch(() => undefined);
  });
}

/** The focus returns to the cell that was shown last, and a playing video stops. */
function closed(dialog: HTMLDialogElement): void {
  const shown = dialog.querySelector<HTMLElement>("[data-asset]")?.dataset.asset;
  dialog.replaceChildren();
  const cell = document.getElementById(`asset-${shown}`);
  cell?.scrollIntoView({ block: "nearest" });
  cell?.querySelector<HTMLElement>("a")?.focus({ preventScroll: true });
}
