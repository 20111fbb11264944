// `<upload-drop>`: files from a button, a drop anywhere on the page or the clipboard go straight to the file store.
import htmx from "./htmx";

interface Begun {
  asset: string;
  state: string;
  url: string | null;
  fields: Record<string, string>;
}
interface Asset {
  id: string;
  state: string;
  refusal: { detail: string } | null;
}

const AT_ONCE = 3;
const HASHED_UP_TO = 64 * 1024 * 1024;
const LOOK_AGAIN_MS = 1000;

class Refusal extends Error {}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function digest(file: File): Promise<string | null> {
  if (file.size > HASHED_UP_TO || !globalThis.crypto?.subtle) return null;
  const bytes = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

class UploadDrop extends HTMLElement {
  private waiting: (() => Promise<void>)[] = [];
  private running = 0;
  private depth = 0;
  private ending = new AbortController();

  connectedCallback(): void {
    const { signal } = (this.ending = new AbortController());
    const input = this.querySelector<HTMLInputElement>("input[type=file]")!;
    input.addEventListener("change", () => {
      this.take(input.files);
      input.value = "";
    });
    this.querySelector("label")?.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      input.click();
    });
    window.addEventListener("dragenter", (event) => this.over(event, 1), { signal });
    window.addEventListener("dragleave", (event) => this.over(event, -1), { signal });
    window.addEventListener("dragover", (event) => this.holdsFiles(event) && event.preventDefault(), { signal });
    window.addEventListener("drop", (event) => this.dropped(event), { signal });
    window.addEventListener("paste", (event) => this.take(event.clipboardData?.files ?? null), { signal });
    window.addEventListener("beforeunload", (event) => this.running && event.preventDefault(), { signal });
  }

  disconnectedCallback(): void {
    this.ending.abort();
  }

  private holdsFiles(event: DragEvent): boolean {
    return event.dataTransfer?.types.includes("Files") ?? false;
  }

  private over(event: DragEvent, step: number): void {
    if (!this.holdsFiles(event)) return;
    this.depth += step;
    this.querySelector<HTMLElement>(".drop-veil")!.hidden = this.depth <= 0;
  }

  private dropped(event: DragEvent): void {
    if (!this.holdsFiles(event)) return;
    event.preventDefault();
    this.depth = 0;
    this.querySelector<HTMLElement>(".drop-veil")!.hidden = true;
    this.take(event.dataTransfer!.files);
  }

  private take(files: FileList | null): void {
    for (const file of files ?? []) {
      const row = new Row(this, file.name);
      this.waiting.push(() => this.upload(file, row));
    }
    this.pump();
  }

  private pump(): void {
    while (this.running < AT_ONCE && this.waiting.length) {
      this.running += 1;
      void this.waiting.shift()!().finally(() => {
        this.running -= 1;
        this.pump();
      });
    }
  }

  private async upload(file: File, row: Row): Promise<void> {
    try {
      if (row.cancelled) return;
      const project = this.dataset.project ? { project: this.dataset.project } : {};
      const sha256 = await digest(file);
      const body = { filename: file.name, size: file.size, content_type: file.type, sha256, ...project };
      const begun = await this.call<Begun>("POST", this.dataset.uploads!, body);
      if (begun.url) {
        await this.send(begun, file, row);
        row.says(this.dataset.checking!);
        await this.settled(begun.asset);
      }
      row.done(this.dataset.done!);
      await this.show(begun.asset);
    } catch (error) {
      row.failed(error instanceof Refusal ? error.message : this.dataset.lost!);
    }
  }

  private async call<Answer>(method: string, url: string, body?: unknown): Promise<Answer> {
    const answer = await fetch(url, {
      method,
      headers: {
        "Content-Type": "application/json",
        "X-CSRFToken": this.dataset.csrf!,
        "Millrace-Workspace": this.dataset.workspace!,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const said = (await answer.json()) as Answer & { detail?: string };
    if (!answer.ok) throw new Refusal(said.detail ?? this.dataset.lost);
    return said;
  }

  /** XMLHttpRequest, because fetch does not tell how far an upload is. */
  private send(begun: Begun, file: File, row: Row): Promise<void> {
    const form = new FormData();
    for (const [name, value] of Object.entries(begun.fields)) form.append(name, value);
    form.append("file", file);
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.upload.addEventListener("progress", (event) => row.progress(event.loaded / event.total));
      request.addEventListener("load", () => {
        if (request.status < 300) resolve();
        else reject(new Refusal(this.dataset.refused));
      });
      request.addEventListener("error", () => reject(new Error("network")));
      request.addEventListener("abort", () => reject(new Refusal("")));
      row.cancel = () => request.abort();
      request.open("POST", begun.url!);
      request.send(form);
    });
  }

  private async settled(id: string): Promise<void> {
    const address = this.dataset.asset!.replace("ID", id);
    let asset = await this.call<Asset>("POST", `${address}/complete`);
    while (asset.state === "verifying") {
      await wait(LOOK_AGAIN_MS);
      asset = await this.call<Asset>("GET", address);
    }
    if (asset.state === "refused") throw new Refusal(asset.refusal?.detail);
  }

  private async show(id: string): Promise<void> {
    document.getElementById(`asset-${id}`)?.remove();
    if (!document.querySelector(this.dataset.target!)) return;
    await htmx.ajax("get", this.dataset.cell!.replace("ID", id), { target: this.dataset.target!, swap: "afterbegin" });
    this.dispatchEvent(new CustomEvent("asset-uploaded", { bubbles: true, detail: { asset: id } }));
  }
}

/** One file on its way. */
class Row {
  cancelled = false;
  cancel: (() => void) | null = null;
  private readonly row: HTMLElement;

  constructor(owner: HTMLElement, name: string) {
    const shape = owner.querySelector("template")!.content.firstElementChild!;
    this.row = shape.cloneNode(true) as HTMLElement;
    this.row.querySelector("p")!.textContent = name;
    this.row.querySelector("p")!.title = name;
    this.row.querySelector("button")!.addEventListener("click", () => {
      this.cancelled = true;
      this.cancel?.();
      this.row.remove();
    });
    owner.querySelector(".uploads")!.append(this.row);
  }

  progress(part: number): void {
    const percent = Math.round(part * 100);
    this.says(`${percent} %`);
    const meter = this.row.querySelector<HTMLElement>(".meter")!;
    meter.style.setProperty("--value", String(part));
    meter.setAttribute("aria-valuenow", String(percent));
  }

  says(text: string): void {
    this.row.querySelector("span")!.textContent = text;
  }

  done(text: string): void {
    this.progress(1);
    this.says(text);
    this.row.classList.add("done");
    setTimeout(() => this.row.remove(), 2500);
  }

  failed(sentence: string): void {
    this.says("");
    this.row.classList.add("failed");
    const problem = this.row.querySelector<HTMLElement>(".problem")!;
    problem.textContent = sentence;
    problem.hidden = false;
  }
}

export function start(): void {
  customElements.define("upload-drop", UploadDrop);
}
