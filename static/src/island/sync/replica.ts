/** The document as the server has it, and as it is seen here: the server's plus what is still under way. */

import { operationApply } from "../document/reducer";
import type { GraphDocument, Operation } from "../document/types";
import type { Pending } from "./outbox";

/** A row of the server's log. */
export interface LogRow {
  seq: number;
  clientId: string;
  clientSeq: number;
  actor: { id: string; name: string } | null;
  op: Operation;
}

const isRow = (pending: Pending, row: LogRow): boolean =>
  pending.clientId === row.clientId && pending.clientSeq === row.clientSeq;

export class Replica {
  private base: GraphDocument;
  private pendingList: Pending[];
  private viewed: GraphDocument;

  constructor(
    document: GraphDocument,
    public seq: number,
    pending: Pending[],
  ) {
    this.base = document;
    this.pendingList = pending;
    this.viewed = this.replayed();
  }

  get view(): GraphDocument {
    return this.viewed;
  }

  get pending(): readonly Pending[] {
    return this.pendingList;
  }

  /** A change made here: seen at once, on its way to the server. */
  push(pending: Pending): void {
    this.pendingList = [...this.pendingList, pending];
    this.viewed = operationApply(this.viewed, pending.op);
  }

  /** Rows from the server, in its order, which is the truth. Answers "gap" when rows before these are missing. */
  receive(rows: readonly LogRow[]): "ok" | "gap" {
    let replay = false;
    for (const row of rows) {
      if (row.seq <= this.seq) {
        replay = this.acknowledge(row) || replay;
        continue;
      }
      if (row.seq !== this.seq + 1) return "gap";
      const first = this.pendingList[0];
      this.base = operationApply(this.base, row.op);
      this.seq = row.seq;
      // Our own next operation in our own order changes nothing that is seen; anything else means a rebase.
      if (first && isRow(first, row)) this.pendingList = this.pendingList.slice(1);
      else {
        this.acknowledge(row);
        replay = true;
      }
    }
    if (replay) this.viewed = this.replayed();
    return "ok";
  }

  /** Takes the server's document as it is and puts what is still pending on top. */
  reset(document: GraphDocument, seq: number, acknowledged: (pending: Pending) => boolean = () => false): void {
    this.base = document;
    this.seq = seq;
    this.pendingList = this.pendingList.filter((each) => !acknowledged(each));
    this.viewed = this.replayed();
  }

  /** Forgets an operation that the server will never take. */
  drop(clientId: string, clientSeq: number): void {
    this.pendingList = this.pendingList.filter((each) => each.clientId !== clientId || each.clientSeq !== clientSeq);
    this.viewed = this.replayed();
  }

  private acknowledge(row: LogRow): boolean {
    const left = this.pendingList.filter((each) => !isRow(each, row));
    const found = left.length < this.pendingList.length;
    if (found) this.pendingList = left;
    return found;
  }

  private replayed(): GraphDocument {
    return this.pendingList.reduce((doc, each) => operationApply(doc, each.op), this.base);
  }
}
