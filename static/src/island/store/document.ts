/** The document as it is seen here, and how its saving goes. */

import { create } from "zustand";

import { EMPTY, type GraphDocument, type GraphNode } from "../document/types";
import type { SaveState } from "../sync/log";
import type { Peer } from "../sync/wire";

interface DocumentState {
  document: GraphDocument;
  save: { state: SaveState; pending: number; reason: string | null };
  peers: Peer[];
  readOnly: boolean;
}

export const useDocument = create<DocumentState>(() => ({
  document: EMPTY,
  save: { state: "saved", pending: 0, reason: null },
  peers: [],
  readOnly: false,
}));

export const documentNow = (): GraphDocument => useDocument.getState().document;

export function nodeNow(id: string): GraphNode | undefined {
  return documentNow().nodes.find((node) => node.id === id);
}
