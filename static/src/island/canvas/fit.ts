/** Where the graph lies in the window: fitted beside the controls and the overview, never under them. */

import type { Position } from "../document/types";

export interface Box extends Position {
  width: number;
  height: number;
}

export interface Padding {
  top: number;
  right: number;
  bottom: number;
  left: number;
}

export const OVERVIEW = { width: 168, height: 112 };
/** React Flow keeps its panels this far from the canvas's edge. */
const MARGIN = 15;
const AIR = 24;
/** The zoom buttons stand at the left edge, one above the other. */
const CONTROLS = MARGIN + 34 + 16;
/** A canvas lower than this has no room for an overview. */
export const OVERVIEW_FROM = 300;

interface View extends Position {
  zoom: number;
}

/** The view that shows `bounds` inside the padding, never larger than life. */
export function viewOf(bounds: Box, size: { width: number; height: number }, padding: Padding): View {
  const width = Math.max(1, size.width - padding.left - padding.right);
  const height = Math.max(1, size.height - padding.top - padding.bottom);
  const zoom = Math.max(0.1, Math.min(width / bounds.width, height / bounds.height, 1));
  return {
    zoom,
    x: padding.left + (width - bounds.width * zoom) / 2 - bounds.x * zoom,
    y: padding.top + (height - bounds.height * zoom) / 2 - bounds.y * zoom,
  };
}

const meets = (a: Box, b: Box): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

/** Everything in view; room is left for the overview only where a node would lie under it, on the cheaper side. */
export function viewFitting(boxes: readonly Box[], size: { width: number; height: number }, overview: boolean): View | null {
  if (!boxes.length || !size.width || !size.height) return null;
  const left = Math.min(...boxes.map((box) => box.x));
  const top = Math.min(...boxes.map((box) => box.y));
  const bounds = {
    x: left,
    y: top,
    width: Math.max(...boxes.map((box) => box.x + box.width)) - left,
    height: Math.max(...boxes.map((box) => box.y + box.height)) - top,
  };
  const base = { top: AIR, right: AIR, bottom: AIR, left: CONTROLS };
  const plain = viewOf(bounds, size, base);
  if (!overview) return plain;
  const corner = {
    x: size.width - MARGIN - OVERVIEW.width - 8,
    y: size.height - MARGIN - OVERVIEW.height - 8,
    width: OVERVIEW.width + 8,
    height: OVERVIEW.height + 8,
  };
  const covered = boxes.some((box) =>
    meets({ x: box.x * plain.zoom + plain.x, y: box.y * plain.zoom + plain.y, width: box.width * plain.zoom, height: box.height * plain.zoom }, corner),
  );
  if (!covered) return plain;
  const above = viewOf(bounds, size, { ...base, bottom: MARGIN + OVERVIEW.height + 16 });
  const beside = viewOf(bounds, size, { ...base, right: MARGIN + OVERVIEW.width + 16 });
  return above.zoom >= beside.zoom ? above : beside;
}

/** How far the view must move so that a box on the screen lies in the free part of the canvas. */
export function shiftInto(box: Box, size: { width: number; height: number }): Position {
  const along = (from: number, length: number, low: number, high: number): number => {
    if (from < low || length > high - low) return low - from;
    return from + length > high ? high - from - length : 0;
  };
  return { x: along(box.x, box.width, CONTROLS, size.width - AIR), y: along(box.y, box.height, AIR, size.height - AIR) };
}
