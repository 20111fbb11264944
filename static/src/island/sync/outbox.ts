/**
 * Operations that the server has not acknowledged, kept in the browser's storage.
 *
 * Every page load is a client of its own and owns one entry. Entries that an earlier page left behind are adopted:
 * their operations are sent again under the client_id and client_seq they had, which makes a repeat harmless, so it
 * does not matter whether the page that left them is really gone.
 */

import type { Operation } from "../document/types";

export interface Pending {
  clientId: string;
  clientSeq: number;
  op: Operation;
}

export interface Shelf {
  length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export class Outbox {
  private readonly prefix: string;

  constructor(
    private readonly shelf: Shelf,
    workflow: string,
    user: string,
  ) {
    this.prefix = `millrace:outbox:${workflow}:${user}:`;
  }

  /** What earlier pages left behind, in their order. */
  leftovers(ownId: string): Pending[] {
    const found: Pending[] = [];
    for (const key of this.keys()) {
      const clientId = key.slice(this.prefix.length);
      if (clientId !== ownId) found.push(...this.read(key, clientId));
    }
    return found;
  }

  /** Writes down all that is pending; false when the browser has no room for it. */
  write(pending: readonly Pending[], clientIds: Iterable<string>): boolean {
    try {
      for (const clientId of clientIds) {
        const ops = pending.filter((each) => each.clientId === clientId).map(({ clientSeq, op }) => [clientSeq, op]);
        if (ops.length) this.shelf.setItem(this.prefix + clientId, JSON.stringify(ops));
        else this.shelf.removeItem(this.prefix + clientId);
      }
      return true;
    } catch {
      return false;
    }
  }

  private keys(): string[] {
    const keys: string[] = [];
    for (let index = 0; index < this.shelf.length; index += 1) {
      const key = this.shelf.key(index);
      if (key?.startsWith(this.prefix)) keys.push(key);
    }
    return keys.sort();
  }

  private read(key: string, clientId: string): Pending[] {
    try {
      const rows = JSON.parse(this.shelf.getItem(key) ?? "[]") as [number, Operation][];
      return rows.map(([clientSeq, op]) => ({ clientId, clientSeq, op }));
    } catch {
      this.shelf.removeItem(key);
      return [];
    }
  }
}
