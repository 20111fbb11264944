// `<time data-relative datetime="…">`: keeps "3 minutes ago" true and shows the exact time, in the reader's zone, on hover.
// `<time data-clock datetime="…">`: the time of day in the reader's zone.
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];
const EVERY_MS = 30_000;

let words: Intl.RelativeTimeFormat;
let exact: Intl.DateTimeFormat;
let clock: Intl.DateTimeFormat;

function relative(then: Date): string {
  const seconds = (then.getTime() - Date.now()) / 1000;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return words.format(Math.trunc(seconds / length), unit);
  }
  return words.format(0, "second");
}

function refresh(root: ParentNode): void {
  root.querySelectorAll<HTMLTimeElement>("time[data-relative]").forEach((element) => {
    const then = new Date(element.dateTime);
    if (Number.isNaN(then.getTime())) return;
    const text = relative(then);
    if (element.textContent !== text) element.textContent = text;
    element.title = exact.format(then);
  });
  root.querySelectorAll<HTMLTimeElement>("time[data-clock]:not([title])").forEach((element) => {
    const then = new Date(element.dateTime);
    if (Number.isNaN(then.getTime())) return;
    element.textContent = clock.format(then);
    element.title = exact.format(then);
  });
}

export function start(): void {
  const language = document.documentElement.lang || "en";
  words = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  exact = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long" });
  clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  refresh(document);
  window.setInterval(() => refresh(document), EVERY_MS);
  document.body.addEventListener("htmx:load", (event) => refresh(event.target as HTMLElement));
}
