/**
 * `<node-status node="n1" state="running" progress="0.4" …>` and `<run-status id="…" state="…">`: elements inside the
 * fragments of the run's socket. They show nothing; each tells the window what it says, for the canvas to hear.
 */

class StatusElement extends HTMLElement {
  private told = "";

  connectedCallback(): void {
    this.hidden = true;
    this.tell();
  }

  attributeChangedCallback(): void {
    if (this.isConnected) queueMicrotask(() => this.tell());
  }

  /** Several attributes change one after the other; the same news is told once. */
  private tell(): void {
    const detail = Object.fromEntries([...this.attributes].map(({ name, value }) => [name, value]));
    const text = JSON.stringify(detail);
    if (text === this.told || !this.isConnected) return;
    this.told = text;
    window.dispatchEvent(new CustomEvent(this.localName, { detail }));
  }
}

class NodeStatus extends StatusElement {
  static readonly observedAttributes = ["node", "state", "progress", "cost", "message", "outputs", "error", "cache-reason", "attempt", "again-at", "would", "request", "item", "asks"];
}

class RunStatus extends StatusElement {
  static readonly observedAttributes = ["id", "state", "cost"];
}

customElements.define("node-status", NodeStatus);
customElements.define("run-status", RunStatus);
