/** The socket's messages, and the socket that comes back by itself. */

import type { Operation } from "../document/types";
import type { LogRow } from "./replica";

export interface Peer {
  /** One open page; a person may have several. */
  id: string;
  user: string;
  name: string;
  cursor: { x: number; y: number } | null;
  selected: string[];
}

type WireRow = Operation & { seq: number; client_id: string; client_seq: number; actor?: LogRow["actor"] };

export type ServerMessage =
  | { type: "ops"; ops: WireRow[] }
  | { type: "presence"; peers: Peer[] }
  | { type: "refused"; client_seq: number | null; detail: string }
  | { type: "comments" }
  | { type: "role"; may_edit: boolean; detail: string }
  | { type: "reload" };

/** Rows travel flat: the operation's own keys lie beside the log's. */
export function rowRead({ seq, client_id, client_seq, actor, ...op }: WireRow): LogRow {
  return { seq, clientId: client_id, clientSeq: client_seq, actor: actor ?? null, op: op as Operation };
}

export function rowWrite(clientSeq: number, op: Operation): Record<string, unknown> {
  return { client_seq: clientSeq, ...op };
}

interface Handlers {
  opened(): void;
  closed(): void;
  /** The server says there is nothing to connect to. */
  gone(): void;
  message(message: ServerMessage): void;
}

/** Closed for good: the workflow is in the trash, or no longer shared with this person. */
const GONE = 4404;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

/** A WebSocket that is opened again after it was lost, with growing pauses. */
export class Wire {
  private socket: WebSocket | null = null;
  private wait = FIRST_WAIT_MS;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private stopped = false;

  constructor(
    private readonly url: string,
    private readonly handlers: Handlers,
  ) {}

  get open(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  connect(): void {
    clearTimeout(this.timer);
    if (this.stopped) return;
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.onopen = () => {
      this.wait = FIRST_WAIT_MS;
      this.handlers.opened();
    };
    socket.onmessage = (event) => this.handlers.message(JSON.parse(String(event.data)) as ServerMessage);
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      this.socket = null;
      if (event?.code === GONE) return this.handlers.gone();
      this.handlers.closed();
      this.later();
    };
  }

  send(message: unknown): boolean {
    if (!this.open) return false;
    this.socket?.send(JSON.stringify(message));
    return true;
  }

  /** Drops the connection that gives no answer and begins another. */
  restart(): void {
    this.wait = FIRST_WAIT_MS;
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.handlers.closed();
    this.connect();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  private later(): void {
    const jitter = 0.75 + Math.random() / 2;
    this.timer = setTimeout(() => this.connect(), this.wait * jitter);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }
}
