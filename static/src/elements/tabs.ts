// A row of tabs that is wider than the page: the current one is brought into view, and what is beyond an edge fades.
const ROWS = ".tabs-line, .segments";

function edges(row: HTMLElement): void {
  const rest = row.scrollWidth - row.clientWidth - row.scrollLeft;
  const more = [row.scrollLeft > 1 ? "before" : "", rest > 1 ? "after" : ""].join(" ").trim();
  if (more) row.dataset.more = more;
  else delete row.dataset.more;
}

/** Scrolls the row alone, never the page. */
function shown(row: HTMLElement): void {
  const current = row.querySelector<HTMLElement>("[aria-current], [aria-selected='true']");
  if (current) {
    const offset = current.getBoundingClientRect().left - row.getBoundingClientRect().left;
    row.scrollLeft += offset - (row.clientWidth - current.offsetWidth) / 2;
  }
  edges(row);
}

export function start(): void {
  const resized = new ResizeObserver((entries) => entries.forEach((entry) => edges(entry.target as HTMLElement)));
  document.querySelectorAll<HTMLElement>(ROWS).forEach((row) => {
    shown(row);
    row.addEventListener("scroll", () => edges(row), { passive: true });
    resized.observe(row);
  });
}
