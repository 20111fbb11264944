/** Keys and clipboard of the canvas. */

import { useReactFlow } from "@xyflow/react";
import { useEffect, useRef } from "react";

import { useFit } from "../canvas/useView";
import type { Position } from "../document/types";
import { t } from "../i18n";
import { nodeMenuOpen } from "../menu/NodeMenu";
import { nodeType } from "../store/catalogue";
import { fragmentPaste, fragmentRead, fragmentSelected, selectionDuplicate } from "../store/clipboard";
import { documentNow, useDocument } from "../store/document";
import { nodeAdd, selectionNudge, selectionRemove } from "../store/edits";
import { selectedEdges, selectedNodes, selectionSet } from "../store/flow";
import { partRun } from "../store/parts";
import { planClose, planToggle } from "../store/plan";
import { runPriced } from "../store/runs";
import { isLive, useRun } from "../store/run";
import { toast, useUi } from "../store/ui";
import { filesPlace } from "../store/uploads";
import { redo, undo } from "../store/workshop";
import { isTyping } from "./keys";

const NUDGE = 16;
const ARROWS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export interface Pointer {
  /** Where the pointer was last over the canvas, in pixels of the window; the middle until it was there. */
  at(): Position;
}

export function usePointer(): Pointer {
  const last = useRef<Position | null>(null);
  useEffect(() => {
    const move = (event: PointerEvent): void => {
      if ((event.target as Element | null)?.closest?.(".react-flow")) last.current = { x: event.clientX, y: event.clientY };
    };
    window.addEventListener("pointermove", move, { passive: true });
    return () => window.removeEventListener("pointermove", move);
  }, []);
  const pointer = useRef<Pointer>({
    at: () => {
      const box = document.querySelector(".react-flow")?.getBoundingClientRect();
      return last.current ?? { x: (box?.left ?? 0) + (box?.width ?? 0) / 2, y: (box?.top ?? 0) + (box?.height ?? 0) / 3 };
    },
  });
  return pointer.current;
}

interface Acts {
  quickAdd(): void;
  fit(): void;
}

function runByKey(): void {
  const { errors, run } = useRun.getState();
  const { readOnly, save } = useDocument.getState();
  if (readOnly || isLive(run) || !documentNow().nodes.length || save.state === "offline" || save.state === "stopped") return;
  if (errors.length) return toast(t("Fix the marked problems first."), "error");
  (document.activeElement as HTMLElement | null)?.blur();
  runPriced();
}

/** The selected nodes and what they need. */
function runToSelected(): void {
  const targets = selectedNodes().map((node) => node.id);
  if (targets.length) partRun({ targets });
  else toast(t("Select a node first."));
}

/** The menu of the one node that is selected, else of the one the keyboard is at. */
function nodeMenuByKey(event: KeyboardEvent): boolean {
  const [selected, ...others] = selectedNodes();
  const at = event.target instanceof Element ? event.target.closest<HTMLElement>(".react-flow__node")?.dataset["id"] : undefined;
  const id = at ?? (others.length ? undefined : selected?.id);
  if (id) nodeMenuOpen(id);
  return id !== undefined;
}

function escape(): void {
  if (selectedNodes().length || selectedEdges().length) selectionSet(new Set());
  else planClose();
}

/** With Ctrl or Cmd. True when the key meant something. */
function commandKey(event: KeyboardEvent, typing: boolean, acts: Acts): boolean {
  const key = event.key.toLowerCase();
  if (key === "enter") return event.shiftKey ? runToSelected() : runByKey(), true;
  // Where the page has a finder of its own, Ctrl-K is its key.
  if (key === "k") return document.getElementById("palette") ? false : (acts.quickAdd(), true);
  if (typing) return false;
  if (key === "z") return (event.shiftKey ? redo : undo)(), true;
  if (key === "y") return redo(), true;
  if (key === "a") return selectionSet(new Set(documentNow().nodes.map((node) => node.id))), true;
  if (key === "d") return selectionDuplicate(), true;
  return false;
}

function plainKey(event: KeyboardEvent, acts: Acts): boolean {
  const onControl = event.target instanceof Element && event.target.closest("button, a, summary, video, [role=option]") !== null;
  const arrow = ARROWS[event.key];
  if (arrow && selectedNodes().length) {
    const step = event.shiftKey ? NUDGE * 5 : NUDGE;
    return selectionNudge(arrow[0] * step, arrow[1] * step), true;
  }
  if (event.key === " " && !onControl) return acts.quickAdd(), true;
  if (event.key === "Delete" || event.key === "Backspace") return selectionRemove(), true;
  if (event.key === "Escape") return escape(), true;
  if (event.key === "?") return useUi.setState({ keysShown: true }), true;
  if (event.key === "f") return acts.fit(), true;
  if (event.key === "p") return documentNow().nodes.length > 0 && (planToggle(), true);
  if (event.key === "m" || event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) return nodeMenuByKey(event);
  return false;
}

export function useKeys(pointer: Pointer, enabled: boolean): void {
  const { screenToFlowPosition } = useReactFlow();
  const fit = useFit(false);
  useEffect(() => {
    if (!enabled) return undefined;
    const acts: Acts = {
      quickAdd: () => {
        if (useDocument.getState().readOnly) return;
        const at = pointer.at();
        useUi.setState({ quickAdd: { at, place: screenToFlowPosition(at), from: null } });
      },
      fit: () => fit(),
    };
    const press = (event: KeyboardEvent): void => {
      const { quickAdd, keysShown, nodeMenu } = useUi.getState();
      if (event.defaultPrevented || quickAdd || keysShown || nodeMenu) return;
      const typing = isTyping(event.target);
      const inDialog = event.target instanceof Element && event.target.closest("dialog, [role=menu]") !== null;
      const command = event.ctrlKey || event.metaKey;
      if (inDialog || (typing && !command) || event.altKey) return;
      if (!(command ? commandKey(event, typing, acts) : plainKey(event, acts))) return;
      event.preventDefault();
      event.stopPropagation();
    };
    // Before React Flow sees the key: its own arrows move a node without making an operation of it.
    window.addEventListener("keydown", press, true);
    return () => window.removeEventListener("keydown", press, true);
  }, [enabled, pointer, screenToFlowPosition, fit]);
}

/** Puts pasted text where it belongs: a workflow becomes nodes, other text becomes a text node. */
function textPaste(text: string, place: Position): void {
  const fragment = fragmentRead(text);
  if (fragment) return fragmentPaste(fragment, place);
  const type = nodeType("input.text");
  if (type && text.trim()) nodeAdd(type, place, null, { text: text.replaceAll("\0", "") });
}

export function useClipboard(pointer: Pointer, enabled: boolean): void {
  const { screenToFlowPosition } = useReactFlow();
  useEffect(() => {
    if (!enabled) return undefined;
    const copy = (event: ClipboardEvent): void => {
      if (isTyping(event.target) || String(getSelection() ?? "")) return;
      const fragment = fragmentSelected();
      if (!fragment) return;
      event.clipboardData?.setData("text/plain", JSON.stringify(fragment));
      event.preventDefault();
      if (event.type === "cut") selectionRemove();
    };
    const paste = (event: ClipboardEvent): void => {
      if (isTyping(event.target) || useDocument.getState().readOnly) return;
      const place = screenToFlowPosition(pointer.at());
      const files = [...(event.clipboardData?.files ?? [])];
      event.preventDefault();
      if (files.length) void filesPlace(files, place);
      else textPaste(event.clipboardData?.getData("text/plain") ?? "", place);
    };
    document.addEventListener("copy", copy);
    document.addEventListener("cut", copy);
    document.addEventListener("paste", paste);
    return () => {
      document.removeEventListener("copy", copy);
      document.removeEventListener("cut", copy);
      document.removeEventListener("paste", paste);
    };
  }, [enabled, pointer, screenToFlowPosition]);
}
