import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { ApiError } from "../api/client";
import { operationApply } from "../document/reducer";
import { EMPTY, type GraphDocument, type Operation } from "../document/types";
import { OperationLog, type SaveState } from "./log";
import type { Shelf } from "./outbox";

/** The server's side of the log, as small as it can be. */
class Server {
  document: GraphDocument = EMPTY;
  rows: ({ seq: number; client_id: string; client_seq: number } & Operation)[] = [];
  reachable = true;
  sockets: FakeSocket[] = [];

  apply(clientId: string, ops: ({ client_seq: number } & Operation)[]): number {
    for (const { client_seq, ...op } of ops) {
      if (this.rows.some((row) => row.client_id === clientId && row.client_seq === client_seq)) continue;
      this.document = operationApply(this.document, op as Operation);
      const row = { seq: this.rows.length + 1, client_id: clientId, client_seq, ...(op as Operation) };
      this.rows.push(row);
      this.sockets.forEach((socket) => socket.deliver({ type: "ops", ops: [row] }));
    }
    return this.rows.length;
  }

  api = {
    workflow: async () => ({ seq: this.rows.length, graph: this.document }),
    operations: async (_: string, clientId: string, ops: unknown[]) => {
      if (!this.reachable) throw new ApiError(0, {});
      const seq = this.apply(clientId, ops as ({ client_seq: number } & Operation)[]);
      return { seq, ops: this.rows.filter((row) => row.client_id === clientId) };
    },
  };
}

class FakeSocket {
  static server: Server;
  static OPEN = 1;
  readyState = 0;
  clientId = "";
  onopen?: () => void;
  onclose?: () => void;
  onmessage?: (event: { data: string }) => void;

  constructor() {
    queueMicrotask(() => (FakeSocket.server.reachable ? this.accept() : this.close()));
  }
  accept(): void {
    this.readyState = 1;
    FakeSocket.server.sockets.push(this);
    this.onopen?.();
  }
  send(text: string): void {
    const message = JSON.parse(text);
    if (message.type === "hello") {
      this.clientId = message.client_id;
      const missed = FakeSocket.server.rows.filter((row) => row.seq > message.after);
      if (missed.length) this.deliver({ type: "ops", ops: missed });
    }
    if (message.type === "ops") {
      const bad = message.ops.find((row: { id?: string }) => row.id === "refuse-me");
      if (bad) this.deliver({ type: "refused", client_seq: bad.client_seq, detail: "No." });
      else FakeSocket.server.apply(this.clientId, message.ops);
    }
  }
  deliver(message: unknown): void {
    queueMicrotask(() => this.onmessage?.({ data: JSON.stringify(message) }));
  }
  close(): void {
    this.readyState = 3;
    FakeSocket.server.sockets = FakeSocket.server.sockets.filter((each) => each !== this);
    this.onclose?.();
  }
}

class MemoryShelf implements Shelf {
  entries = new Map<string, string>();
  get length(): number {
    return this.entries.size;
  }
  key = (index: number): string | null => [...this.entries.keys()][index] ?? null;
  getItem = (key: string): string | null => this.entries.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.entries.set(key, value);
  removeItem = (key: string): void => void this.entries.delete(key);
}

const add = (id: string): Operation => ({ op: "add_node", node: { id, type: "test.pass" } });
const title = (id: string, value: string): Operation => ({ op: "set", id, path: ["title"], value });
const names = (document: GraphDocument): string[] => document.nodes.map((node) => node.id);

let server: Server;
let shelf: MemoryShelf;

function page(clientId: string, socket = true): OperationLog & { states: SaveState[]; refusals: string[] } {
  const states: SaveState[] = [];
  const refusals: string[] = [];
  const log = new OperationLog({
    api: server.api,
    workflow: "w",
    user: "u",
    clientId,
    document: server.document,
    seq: server.rows.length,
    shelf,
    socketUrl: socket ? "ws://test" : null,
    events: { changed: () => {}, state: (state) => states.push(state), peers: () => {}, refused: (d) => refusals.push(d), mayEdit: () => {}, comments: () => {} },
  });
  log.start();
  return Object.assign(log, { states, refusals });
}

beforeEach(() => {
  vi.useFakeTimers();
  server = new Server();
  shelf = new MemoryShelf();
  FakeSocket.server = server;
  vi.stubGlobal("WebSocket", FakeSocket);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});
const settle = (ms = 20): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

describe("the operations log", () => {
  it("shows a change at once and forgets it when the server has it", async () => {
    const log = page("a");
    await settle();
    log.commit([add("n1")]);
    expect(names(log.document)).toEqual(["n1"]);
    expect(shelf.length).toBe(1);
    await settle();
    expect(server.rows).toHaveLength(1);
    expect(shelf.length).toBe(0);
    expect(log.states.at(-1)).toBe("saved");
  });

  it("brings two pages to the same document, in the server's order", async () => {
    const [one, two] = [page("a"), page("b")];
    await settle();
    one.commit([add("n1")]);
    await settle();
    one.commit([title("n1", "one")]);
    two.commit([title("n1", "two"), add("n2")]);
    await settle();
    expect(one.document).toEqual(server.document);
    expect(two.document).toEqual(server.document);
    expect(one.document.nodes[0]?.title).toBe("two");
  });

  it("keeps changes over a lost connection and sends them once", async () => {
    const log = page("a");
    await settle();
    server.reachable = false;
    server.sockets.forEach((socket) => socket.close());
    log.commit([add("n1")]);
    await settle(2_000);
    expect(log.states.at(-1)).toBe("offline");
    expect(shelf.length).toBe(1);
    server.reachable = true;
    await settle(30_000);
    expect(server.rows).toHaveLength(1);
    expect(log.states.at(-1)).toBe("saved");
    expect(log.document).toEqual(server.document);
  });

  it("keeps changes over a reload", async () => {
    server.reachable = false;
    page("a").commit([add("n1"), add("n2")]);
    const reloaded = page("b");
    expect(names(reloaded.document)).toEqual(["n1", "n2"]);
    server.reachable = true;
    await settle(30_000);
    expect(names(server.document)).toEqual(["n1", "n2"]);
    expect(shelf.length).toBe(0);
  });

  it("does not repeat what had arrived before the answer was lost", async () => {
    server.reachable = false;
    page("a").commit([add("n1")]);
    server.apply("a", [{ client_seq: 1, ...add("n1") }]);
    server.apply("c", [{ client_seq: 1, ...title("n1", "later") }]);
    server.reachable = true;
    const reloaded = page("b");
    await settle(5_000);
    expect(server.rows).toHaveLength(2);
    expect(reloaded.document.nodes[0]?.title).toBe("later");
    expect(shelf.length).toBe(0);
  });

  it("works by HTTP alone", async () => {
    const log = page("a", false);
    log.commit([add("n1")]);
    server.apply("b", [{ client_seq: 1, ...add("n0") }]);
    await settle(2_000);
    expect(names(log.document)).toEqual(["n0", "n1"]);
    expect(log.states.at(-1)).toBe("saved");
  });

  it("drops what the server refuses, says so, and sends the rest", async () => {
    const log = page("a");
    await settle();
    log.commit([add("n1"), { op: "remove_node", id: "refuse-me" }, add("n2")]);
    await settle();
    expect(log.refusals).toEqual(["No."]);
    expect(names(server.document)).toEqual(["n1", "n2"]);
    expect(log.states.at(-1)).toBe("saved");
  });

  it("keeps unsent changes when the role is lowered, and sends them when it is raised", async () => {
    const log = page("a");
    await settle();
    const sockets = server.sockets;
    sockets[0]?.deliver({ type: "role", may_edit: false, detail: "Look only." });
    await settle();
    log.commit([add("n1")]);
    await settle();
    expect(log.states.at(-1)).toBe("stopped");
    expect(server.rows).toHaveLength(0);
    expect(shelf.length).toBe(1);
    sockets[0]?.deliver({ type: "role", may_edit: true, detail: "" });
    await settle();
    expect(names(server.document)).toEqual(["n1"]);
    expect(log.states.at(-1)).toBe("saved");
  });

  it("reads the document anew when rows are missing", async () => {
    const log = page("a");
    await settle();
    const sockets = server.sockets;
    server.sockets = [];
    server.apply("b", [{ client_seq: 1, ...add("n1") }]);
    server.sockets = sockets;
    server.apply("b", [{ client_seq: 2, ...add("n2") }]);
    await settle();
    expect(names(log.document)).toEqual(["n1", "n2"]);
  });
});
