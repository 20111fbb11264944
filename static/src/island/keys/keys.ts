/** The keyboard: which key does what, as one table that the help shows as well. */

import { t } from "../i18n";

export interface Key {
  keys: string[];
  label: string;
}

const command = typeof navigator !== "undefined" && /mac|iphone|ipad/i.test(navigator.userAgent) ? "⌘" : "Ctrl";

export function keyTable(): Key[] {
  return [
    { keys: [t("Space")], label: t("Add a node at the pointer") },
    { keys: [`${command} K`], label: t("Find anything") },
    { keys: [`${command} ${t("Enter")}`], label: t("Run") },
    { keys: ["P"], label: t("Plan: preview the run") },
    { keys: ["M"], label: t("Menu of the selected node: run a part, pin, and more") },
    { keys: [`${command} Shift ${t("Enter")}`], label: t("Run to the selected node") },
    { keys: [`${command} Z`], label: t("Undo") },
    { keys: [`${command} Shift Z`], label: t("Redo") },
    { keys: [`${command} A`], label: t("Select everything") },
    { keys: [`${command} C`, `${command} X`, `${command} V`], label: t("Copy, cut, paste (text, files and workflows too)") },
    { keys: [`${command} D`], label: t("Duplicate") },
    { keys: [t("Del")], label: t("Delete") },
    { keys: ["← ↑ → ↓"], label: t("Move the selection; with Shift further") },
    { keys: [`Shift ${t("drag")}`], label: t("Select with a box") },
    { keys: ["F"], label: t("Fit everything into view") },
    { keys: ["Tab", t("Enter")], label: t("Go from node to node, select") },
    { keys: ["Esc"], label: t("Close, or let go of the selection") },
    { keys: ["?"], label: t("Show these keys") },
  ];
}

/** Typing goes to the field, not to the canvas. */
export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input:not([type=checkbox]), textarea, select"));
}
