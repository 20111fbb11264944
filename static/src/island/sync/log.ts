/**
 * The workflow's operations log, seen from one page: commits are shown at once, kept in the outbox until the server
 * has acknowledged them, and sent by the socket, or by HTTP while there is none.
 */

import { ApiError, type Api } from "../api/client";
import type { GraphDocument, Operation } from "../document/types";
import { t } from "../i18n";
import { Outbox, type Pending, type Shelf } from "./outbox";
import { Replica } from "./replica";
import { rowRead, rowWrite, Wire, type Peer, type ServerMessage } from "./wire";

export type SaveState = "saved" | "saving" | "offline" | "stopped";

export interface LogEvents {
  changed(document: GraphDocument): void;
  state(state: SaveState, pending: number, reason: string | null): void;
  peers(peers: Peer[]): void;
  refused(detail: string): void;
  /** The reader's role changed: what the page may do from now on. */
  mayEdit(may: boolean): void;
  /** Somebody said something of this workflow. */
  comments(): void;
}

export interface LogOptions {
  api: Pick<Api, "operations" | "workflow">;
  workflow: string;
  user: string;
  clientId: string;
  document: GraphDocument;
  seq: number;
  shelf: Shelf;
  socketUrl: string | null;
  events: LogEvents;
}

const CHUNK = 500;
const ANSWER_MS = 10_000;
const HTTP_WAIT_MS = 400;
const RETRY_MS = 4_000;

export class OperationLog {
  private readonly outbox: Outbox;
  private readonly replica: Replica;
  private readonly wire: Wire | null;
  private readonly clientIds: Set<string>;
  private nextSeq = 1;
  private sentSeq = 0;
  private posting = false;
  private failing = false;
  private stopReason: string | null = null;
  private answerTimer: ReturnType<typeof setTimeout> | undefined;
  private httpTimer: ReturnType<typeof setTimeout> | undefined;
  private reloadTimer: ReturnType<typeof setTimeout> | undefined;
  private waiters: (() => void)[] = [];

  constructor(private readonly options: LogOptions) {
    this.outbox = new Outbox(options.shelf, options.workflow, options.user);
    const leftovers = this.outbox.leftovers(options.clientId);
    this.clientIds = new Set([options.clientId, ...leftovers.map((each) => each.clientId)]);
    this.replica = new Replica(options.document, options.seq, leftovers);
    this.wire = options.socketUrl
      ? new Wire(options.socketUrl, {
          opened: () => this.opened(),
          closed: () => this.closed(),
          gone: () => this.stopped(t("This workflow is gone. Your last changes are kept in this browser.")),
          message: (message) => this.received(message),
        })
      : null;
  }

  get document(): GraphDocument {
    return this.replica.view;
  }

  get seq(): number {
    return this.replica.seq;
  }

  get settled(): boolean {
    return this.replica.pending.length === 0;
  }

  start(): void {
    this.wire?.connect();
    this.tell();
    if (!this.settled || !this.wire) this.postSoon(0);
  }

  stop(): void {
    clearTimeout(this.answerTimer);
    clearTimeout(this.httpTimer);
    clearTimeout(this.reloadTimer);
    this.wire?.stop();
  }

  /** Applies operations here and sends them off. */
  commit(ops: readonly Operation[]): void {
    for (const op of ops) {
      this.replica.push({ clientId: this.options.clientId, clientSeq: this.nextSeq, op });
      this.nextSeq += 1;
    }
    this.keep();
    this.options.events.changed(this.replica.view);
    this.send();
    this.tell();
  }

  /** The browser lost its network, or has it again: no need to wait for a silence to notice. */
  networkChanged(online: boolean): void {
    if (this.stopReason) return;
    if (online) this.postSoon(0);
    else this.failing = true;
    this.wire?.restart();
    this.tell();
  }

  presence(cursor: { x: number; y: number } | null, selected: readonly string[]): void {
    this.wire?.send({ type: "presence", cursor, selected });
  }

  /** Resolves when the server has everything; used before a run starts. */
  flushed(): Promise<void> {
    if (this.settled) return Promise.resolve();
    this.send();
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  private keep(): void {
    if (!this.outbox.write(this.replica.pending, this.clientIds)) {
      this.options.events.refused(t("This browser has no room left to keep unsent changes. Stay on the page until they are saved."));
    }
  }

  private tell(): void {
    const pending = this.replica.pending.length;
    const state: SaveState = this.stopReason ? "stopped" : this.failing ? "offline" : pending ? "saving" : "saved";
    this.options.events.state(state, pending, this.stopReason);
    if (pending === 0) this.waiters.splice(0).forEach((resolve) => resolve());
  }

  private opened(): void {
    this.failing = false;
    this.sentSeq = 0;
    this.wire?.send({ type: "hello", after: this.replica.seq, client_id: this.options.clientId });
    this.send();
    this.tell();
  }

  private closed(): void {
    clearTimeout(this.answerTimer);
    this.answerTimer = undefined;
    if (this.stopReason) return;
    if (!this.settled) this.postSoon(HTTP_WAIT_MS);
    else this.probe();
  }

  /** Without a socket and with nothing to send, only the browser knows whether there is a network. */
  private probe(): void {
    if (typeof navigator !== "undefined" && navigator.onLine === false) this.failing = true;
    this.tell();
  }

  private own(): Pending[] {
    return this.replica.pending.filter((each) => each.clientId === this.options.clientId);
  }

  private send(): void {
    if (this.stopReason) return;
    const adopted = this.replica.pending.some((each) => each.clientId !== this.options.clientId);
    if (!this.wire?.open || adopted) return this.postSoon(HTTP_WAIT_MS);
    const fresh = this.own().filter((each) => each.clientSeq > this.sentSeq);
    for (let at = 0; at < fresh.length; at += CHUNK) {
      const ops = fresh.slice(at, at + CHUNK).map((each) => rowWrite(each.clientSeq, each.op));
      this.wire.send({ type: "ops", ops });
    }
    this.sentSeq = fresh.at(-1)?.clientSeq ?? this.sentSeq;
    if (fresh.length) this.expectAnswer();
  }

  private expectAnswer(): void {
    clearTimeout(this.answerTimer);
    this.answerTimer = setTimeout(() => {
      this.failing = true;
      this.wire?.restart();
    }, ANSWER_MS);
  }

  private received(message: ServerMessage): void {
    switch (message.type) {
      case "ops":
        return this.rowsReceived(message.ops.map(rowRead));
      case "presence":
        return this.options.events.peers(message.peers);
      case "refused":
        if (message.client_seq === null) return this.options.events.refused(message.detail);
        return this.refused(this.options.clientId, message.client_seq, message.detail);
      case "comments":
        return this.options.events.comments();
      case "role":
        return this.roleChanged(message.may_edit, message.detail);
      case "reload":
        return this.reloadSoon();
    }
  }

  /** A role was lowered (what is unsent stays in the outbox), or raised again (it goes now). */
  private roleChanged(mayEdit: boolean, detail: string): void {
    this.options.events.mayEdit(mayEdit);
    this.stopReason = mayEdit ? null : detail;
    clearTimeout(this.answerTimer);
    this.answerTimer = undefined;
    this.sentSeq = 0;
    if (mayEdit) this.send();
    this.tell();
  }

  private rowsReceived(rows: ReturnType<typeof rowRead>[]): void {
    const before = this.replica.view;
    if (this.replica.receive(rows) === "gap") return this.reloadSoon();
    this.after(before);
  }

  /** What follows from a changed replica: the outbox, the picture, the mark. */
  private after(before: GraphDocument): void {
    this.keep();
    if (this.settled) {
      clearTimeout(this.answerTimer);
      this.answerTimer = undefined;
    }
    this.failing = false;
    if (this.replica.view !== before) this.options.events.changed(this.replica.view);
    this.tell();
  }

  private refused(clientId: string, clientSeq: number, detail: string): void {
    const before = this.replica.view;
    this.replica.drop(clientId, clientSeq);
    this.options.events.refused(detail);
    this.after(before);
    // The server takes a message whole or not at all, so what came along with the refused one goes again.
    this.sentSeq = 0;
    if (!this.settled) this.send();
  }

  /** Reads the server's document; what is pending goes on top. */
  private async reload(acknowledged: (pending: Pending) => boolean = () => false): Promise<void> {
    const { graph, seq } = await this.options.api.workflow(this.options.workflow);
    const before = this.replica.view;
    if (seq >= this.replica.seq) this.replica.reset(graph, seq, acknowledged);
    this.after(before);
  }

  private reloadSoon(wait = 0): void {
    clearTimeout(this.reloadTimer);
    this.reloadTimer = setTimeout(() => void this.reload().catch(() => this.reloadSoon(RETRY_MS)), wait);
  }

  private stopped(reason: string): void {
    this.stopReason = reason;
    this.tell();
  }

  private postSoon(wait: number): void {
    if (this.stopReason) return;
    clearTimeout(this.httpTimer);
    this.httpTimer = setTimeout(() => void this.post(), wait);
  }

  /** One batch by HTTP: the first client's operations among those pending. */
  private async post(): Promise<void> {
    const first = this.replica.pending[0];
    const adopted = first !== undefined && first.clientId !== this.options.clientId;
    if (this.posting || !first || (this.wire?.open && !adopted)) return;
    this.posting = true;
    const batch = this.replica.pending.filter((each) => each.clientId === first.clientId).slice(0, CHUNK);
    try {
      await this.postBatch(batch);
      this.failing = false;
    } catch (error) {
      this.postFailed(error, batch);
    } finally {
      this.posting = false;
      this.tell();
    }
    if (!this.settled) this.failing ? this.postSoon(RETRY_MS) : this.send();
  }

  private async postBatch(batch: Pending[]): Promise<void> {
    const clientId = batch[0]!.clientId;
    const ops = batch.map((each) => rowWrite(each.clientSeq, each.op));
    const { seq, ops: rows } = await this.options.api.operations(this.options.workflow, clientId, ops);
    const places = new Map(rows.map((row) => [row.client_seq, row.seq]));
    const taken = batch.map((each) => ({ ...each, seq: places.get(each.clientSeq) ?? 0, actor: null }));
    const nobodyElse = seq === this.replica.seq + batch.length && taken.every((row, index) => row.seq === this.replica.seq + index + 1);
    if (nobodyElse) return this.rowsReceived(taken);
    const sent = new Set(batch.map((each) => each.clientSeq));
    await this.reload((each) => each.clientId === clientId && sent.has(each.clientSeq));
  }

  private postFailed(error: unknown, batch: Pending[]): void {
    const status = error instanceof ApiError ? error.status : 0;
    if (status === 401 || status === 403 || status === 404) {
      this.stopReason = status === 404
        ? t("This workflow is gone. Your last changes are kept in this browser.")
        : t("You may not change this workflow now. Sign in again; your changes are kept here.");
      return;
    }
    if (error instanceof ApiError && (status === 400 || status === 409 || status === 413 || status === 422)) {
      const { index, client_seq } = error.problem;
      const culprit = batch.find((each) => each.clientSeq === client_seq) ?? batch[index ?? 0];
      if (culprit) this.refused(culprit.clientId, culprit.clientSeq, error.message);
      return;
    }
    this.failing = true;
  }
}
