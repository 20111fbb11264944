/** What can be done with one node: run a part of the graph from it, keep or forget what it made. */

import { ArrowRightFromLine, ArrowRightToLine, Columns2, Copy, Dices, Eraser, Layers3, ListChecks, MessageSquare, PencilLine, Pin, PinOff, RefreshCw, SlidersHorizontal, Trash2 } from "lucide-react";

import type { GraphNode } from "../document/types";
import { t } from "../i18n";
import { nodeTitle, nodeType } from "../store/catalogue";
import { comparable, compareOpen, gridOpen, sheetOf } from "../store/compare";
import { selectionDuplicate } from "../store/clipboard";
import { nodeNow, useDocument } from "../store/document";
import { selectionRemove } from "../store/edits";
import { selectionSet } from "../store/flow";
import { alwaysNewToggle, askFrom, askTo, outputPin, outputUnpin, partHindrance, partRun, resultsForget } from "../store/parts";
import { planShow } from "../store/plan";
import { isLive, useRun } from "../store/run";
import { useUi } from "../store/ui";
import { Menu, type MenuItem } from "./Menu";

const SIZE = 14;

function runItems(id: string, busy: string | null): MenuItem[] {
  const inputs = nodeType(nodeNow(id)?.type ?? "")?.ports.inputs.length ?? 0;
  const edited: MenuItem = {
    label: t("Run only this with edited input…"),
    icon: <PencilLine size={SIZE} aria-hidden="true" />,
    hindrance: inputs ? busy : t("This node has no inputs."),
    act: () => useUi.setState({ editedInput: id }),
  };
  return [
    { label: t("Run to here"), icon: <ArrowRightToLine size={SIZE} aria-hidden="true" />, hint: t("Runs this node and everything it needs"), hindrance: busy, act: () => partRun(askTo(id)) },
    { label: t("Run from here"), icon: <ArrowRightFromLine size={SIZE} aria-hidden="true" />, hint: t("Runs this node and everything after it. Earlier results come from the last run."), hindrance: busy, act: () => partRun(askFrom(id)) },
    edited,
    { label: t("Plan to here"), icon: <ListChecks size={SIZE} aria-hidden="true" />, act: () => planShow(askTo(id)) },
  ];
}

function keepItems(node: GraphNode, made: boolean): MenuItem[] {
  const { id, params } = node;
  const type = nodeType(node.type);
  const items: MenuItem[] = [];
  if (params["$pin"]) items.push({ label: t("Unpin output"), icon: <PinOff size={SIZE} aria-hidden="true" />, act: () => outputUnpin(id) });
  else if (type?.ports.outputs.length) {
    items.push({ label: t("Pin output"), icon: <Pin size={SIZE} aria-hidden="true" />, hindrance: made ? null : t("No output yet."), act: () => void outputPin(id) });
  }
  if (type?.effect === "pure" || type?.effect === "paid") {
    items.push(
      { label: t("Always new"), icon: <RefreshCw size={SIZE} aria-hidden="true" />, checked: Boolean(params["$always_new"]), act: () => alwaysNewToggle(id) },
      { label: t("Forget its results"), icon: <Eraser size={SIZE} aria-hidden="true" />, hint: t("Files stay in the gallery but are no longer reused"), act: () => void resultsForget(id) },
    );
  }
  return items;
}

function compareItems(node: GraphNode, readOnly: boolean): MenuItem[] {
  if (!comparable(node)) return [];
  const shown: MenuItem = { label: t("See side by side"), icon: <Columns2 size={SIZE} aria-hidden="true" />, act: () => gridOpen(node.id) };
  const made = sheetOf(useRun.getState().status[node.id]?.request) ? [shown] : [];
  if (readOnly) return made;
  return [
    ...made,
    { label: t("Compare models…"), icon: <Layers3 size={SIZE} aria-hidden="true" />, act: () => compareOpen(node.id, "models") },
    { label: t("Vary seeds × 4"), icon: <Dices size={SIZE} aria-hidden="true" />, act: () => compareOpen(node.id, "seeds", { seeds: 4 }) },
    { label: t("Sweep…"), icon: <SlidersHorizontal size={SIZE} aria-hidden="true" />, act: () => compareOpen(node.id, "sweep") },
  ];
}

function commentItems(id: string): MenuItem[] {
  if (!document.querySelector("#comments-sheet")) return [];
  const act = () => document.body.dispatchEvent(new CustomEvent("comment-on", { detail: { node: id } }));
  return [{ label: t("Comment on this"), icon: <MessageSquare size={SIZE} aria-hidden="true" />, act }];
}

function editItems(): MenuItem[] {
  return [
    { label: t("Duplicate"), icon: <Copy size={SIZE} aria-hidden="true" />, act: selectionDuplicate },
    { label: t("Delete"), icon: <Trash2 size={SIZE} aria-hidden="true" />, danger: true, act: selectionRemove },
  ];
}

export function NodeMenu(): React.ReactElement | null {
  const open = useUi((state) => state.nodeMenu);
  const narrow = useUi((state) => state.narrow);
  const readOnly = useDocument((state) => state.readOnly);
  const node = useDocument(({ document }) => document.nodes.find((each) => each.id === open?.node));
  const run = useRun((state) => state.run);
  const made = useRun(({ status }) => ["completed", "cached"].includes(status[open?.node ?? ""]?.state ?? ""));
  if (!open || !node) return null;
  const busy = partHindrance() ?? (isLive(run) ? t("A run is in progress.") : null);
  const groups = [runItems(node.id, busy), compareItems(node, readOnly || narrow), readOnly ? [] : keepItems(node, made), commentItems(node.id), readOnly || narrow ? [] : editItems()];
  return <Menu key={open.node} label={nodeTitle(node)} at={open.at} groups={groups} onClose={() => useUi.setState({ nodeMenu: null })} />;
}

/** Opens the menu of a node at a place, or beside the node where there is no pointer. Its node becomes the selection. */
export function nodeMenuOpen(id: string, at?: { x: number; y: number }): void {
  selectionSet(new Set([id]));
  const box = document.querySelector(`article[data-node="${CSS.escape(id)}"]`)?.getBoundingClientRect();
  useUi.setState({ nodeMenu: { node: id, at: at ?? { x: (box?.left ?? 0) + 24, y: (box?.top ?? 0) + 32 } } });
}
