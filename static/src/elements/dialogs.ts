// Native dialogs: `data-opens="#id"` opens one, `data-closes` closes the one around it, the backdrop closes it too.
import htmx from "./htmx";

const find = (selector: string) => document.querySelector<HTMLDialogElement>(selector);

/** Asks before something that is hard to undo; resolves to the answer. */
function confirmed(question: string, action: string): Promise<boolean> {
  const dialog = find("#confirm");
  if (!dialog) return Promise.resolve(window.confirm(question));
  dialog.querySelector("p")!.textContent = question;
  const yes = dialog.querySelector<HTMLButtonElement>("[value=yes]")!;
  yes.textContent = action || (yes.dataset.label ?? "");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

function clicked(event: MouseEvent): void {
  const target = event.target as Element;
  const opener = target.closest<HTMLElement>("[data-opens]");
  if (opener) {
    event.preventDefault();
    const dialog = find(opener.dataset.opens!);
    dialog?.showModal();
    // What is inside may be fetched only now.
    dialog?.dispatchEvent(new CustomEvent("opened"));
  } else if (target.closest("[data-closes]")) target.closest("dialog")?.close();
  else if (target instanceof HTMLDialogElement && target.classList.contains("sheet") && event.detail > 0) {
    const box = target.getBoundingClientRect();
    const inside =
      event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) target.close();
  }
}

export function start(): void {
  document.addEventListener("click", clicked);
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    const submitter = (event as SubmitEvent).submitter as HTMLButtonElement | null;
    const question = submitter?.dataset.confirm ?? form.dataset.confirm;
    if (!question || form.dataset.sure) return;
    event.preventDefault();
    void confirmed(question, submitter?.dataset.confirmAction ?? submitter?.textContent?.trim() ?? "").then((sure) => {
      if (!sure) return;
      form.dataset.sure = "1";
      form.requestSubmit(submitter);
      delete form.dataset.sure;
    });
  });
  document.body.addEventListener("htmx:confirm", (event) => {
    const detail = (event as CustomEvent).detail as { question?: string; elt: HTMLElement; issueRequest(skip: boolean): void };
    if (!detail.question) return;
    event.preventDefault();
    const action = detail.elt.dataset.confirmAction ?? "";
    void confirmed(detail.question, action).then((sure) => sure && detail.issueRequest(true));
  });
  // A view answers `HX-Trigger: close-dialog` when the dialog's work is done.
  document.body.addEventListener("close-dialog", () => {
    document.querySelectorAll<HTMLDialogElement>("dialog[open]").forEach((dialog) => dialog.close());
  });
  // A dialog that arrives in a fragment with `data-auto` opens by itself.
  htmx.onLoad((element) => {
    const dialog = (element as Element).matches?.("dialog[data-auto]") ? element : (element as Element).querySelector?.("dialog[data-auto]");
    if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
  });
}
