/** What is open on the page, and the short sentences shown for a while. */

import { create } from "zustand";

import type { PortType } from "../boot";
import type { Operation, Position } from "../document/types";
import type { Vary } from "../document/vary";

/** A port from which somebody is drawing a connection just now. */
export interface Connecting {
  node: string;
  port: string;
  type: PortType;
  side: "source" | "target";
}

export interface QuickAdd {
  /** Where the menu opens, in pixels of the window. */
  at: Position;
  /** Where the node goes, in the graph's own coordinates. */
  place: Position;
  from: Connecting | null;
}

export interface Toast {
  id: number;
  text: string;
  tone: "info" | "error";
  at: Position | null;
}

export interface Uploading {
  id: string;
  name: string;
  position: Position;
  progress: number;
  error: string | null;
}

/** A model was chosen that does not use all settings of the one before. */
export interface ModelChange {
  node: string;
  model: string;
  title: string;
  titles: string[];
  back: readonly Operation[];
}

interface UiState {
  connecting: Connecting | null;
  quickAdd: QuickAdd | null;
  keysShown: boolean;
  railOpen: boolean;
  /** The canvas is for looking: fields on nodes are too small for fingers. */
  narrow: boolean;
  toasts: Toast[];
  uploads: Uploading[];
  focusPort: string | null;
  nodeMenu: { node: string; at: Position } | null;
  /** The node whose step is about to run with edited input. */
  editedInput: string | null;
  modelChange: ModelChange | null;
  /** The node whose variants somebody is about to ask for, and what they came for. */
  compareForm: { node: string; focus: "models" | "seeds" | "sweep"; first: Vary } | null;
  /** The node whose variants are shown side by side. */
  compareGrid: { run: string; node: string } | null;
}

export const useUi = create<UiState>(() => ({
  connecting: null,
  quickAdd: null,
  keysShown: false,
  railOpen: true,
  narrow: false,
  toasts: [],
  uploads: [],
  focusPort: null,
  nodeMenu: null,
  editedInput: null,
  modelChange: null,
  compareForm: null,
  compareGrid: null,
}));

let lastToast = 0;

/** Shows a sentence; near the pointer when `at` is given. It leaves by itself. */
export function toast(text: string, tone: Toast["tone"] = "info", at: Position | null = null): void {
  lastToast += 1;
  const id = lastToast;
  useUi.setState(({ toasts }) => ({ toasts: [...toasts.slice(-3), { id, text, tone, at }] }));
  setTimeout(() => toastClose(id), tone === "error" ? 9_000 : 5_000);
}

export function toastClose(id: number): void {
  useUi.setState(({ toasts }) => ({ toasts: toasts.filter((each) => each.id !== id) }));
}

export function uploadChange(id: string, change: Partial<Uploading>): void {
  useUi.setState(({ uploads }) => ({ uploads: uploads.map((each) => (each.id === id ? { ...each, ...change } : each)) }));
}

export function uploadClose(id: string): void {
  useUi.setState(({ uploads }) => ({ uploads: uploads.filter((each) => each.id !== id) }));
}
