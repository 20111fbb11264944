// Small manners of the frame: theme, copying, showing a password, submitting on change.
type Theme = "dark" | "light" | "system";
const YEAR_S = 31_536_000;

/** Remembered in a cookie, so that the server sends the right theme and nothing flashes. */
function theme(choice: Theme): void {
  const root = document.documentElement;
  if (choice === "system") root.removeAttribute("data-theme");
  else root.dataset.theme = `millrace-${choice}`;
  const age = choice === "system" ? 0 : YEAR_S;
  document.cookie = `millrace_theme=${choice}; path=/; max-age=${age}; samesite=lax`;
  marked(choice);
}

function marked(choice: string): void {
  document.querySelectorAll<HTMLElement>("[data-theme-set]").forEach((button) => {
    button.setAttribute("aria-checked", String(button.dataset.themeSet === choice));
  });
}

async function copy(button: HTMLElement): Promise<void> {
  const source = button.dataset.copy || document.querySelector(button.dataset.copyFrom ?? "")?.textContent || "";
  await navigator.clipboard.writeText(source.trim());
  button.dataset.done = "1";
  window.setTimeout(() => delete button.dataset.done, 1500);
}

function reveal(button: HTMLElement): void {
  const input = button.parentElement?.querySelector("input");
  if (!input) return;
  const shown = input.type === "text";
  input.type = shown ? "password" : "text";
  button.setAttribute("aria-pressed", String(!shown));
}

export function start(): void {
  marked(document.documentElement.dataset.theme?.replace("millrace-", "") ?? "system");
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    const button = target.closest<HTMLElement>("[data-theme-set],[data-copy],[data-copy-from],[data-reveal]");
    if (!button) return;
    if (button.dataset.themeSet) theme(button.dataset.themeSet as Theme);
    else if (button.hasAttribute("data-reveal")) reveal(button);
    else void copy(button);
  });
  document.addEventListener("change", (event) => {
    const field = (event.target as Element).closest<HTMLSelectElement>("[data-submits]");
    field?.form?.requestSubmit();
  });
}
