/** The view on the graph: fitted while nobody has moved it, moved by as little as it takes to show a new node. */

import { useReactFlow, useStore, useStoreApi } from "@xyflow/react";
import { useCallback, useEffect, useRef } from "react";

import { documentNow } from "../store/document";
import { useFlow } from "../store/flow";
import { OVERVIEW_FROM, shiftInto, viewFitting, type Box } from "./fit";

const MOVE_MS = 150;
const calm = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Fits everything into the free part of the canvas. */
export function useFit(narrow: boolean): (duration?: number) => void {
  const { setViewport } = useReactFlow();
  const store = useStoreApi();
  return useCallback(
    (duration = MOVE_MS) => {
      const { width, height, nodeLookup } = store.getState();
      const boxes = [...nodeLookup.values()].map(({ position, measured }) => ({ ...position, width: measured.width ?? 240, height: measured.height ?? 120 }));
      const view = viewFitting(boxes, { width, height }, !narrow && height >= OVERVIEW_FROM);
      if (view) void setViewport(view, { duration: calm() ? 0 : duration });
    },
    [narrow, setViewport, store],
  );
}

/**
 * The drawer below and the panels beside take their places after the canvas has: as long as the person has neither moved
 * the view nor touched the graph, everything is fitted again. Answers what to call when they do.
 */
export function useFitWhileUntouched(fit: (duration?: number) => void): () => void {
  const width = useStore((state) => state.width);
  const height = useStore((state) => state.height);
  const measured = useStore((state) => state.nodes.length > 0 && state.nodes.every((node) => state.nodeLookup.get(node.id)?.measured.height));
  // On an empty canvas the first node stays where it was put; fitting would carry it to the middle.
  const touched = useRef(documentNow().nodes.length === 0);
  const fitted = useRef(false);
  const count = useFlow((state) => state.nodes.length);
  const first = useRef(count);
  if (count !== first.current) touched.current = true;
  useEffect(() => {
    if (touched.current || !measured || !width || !height) return;
    fit(fitted.current ? MOVE_MS : 0);
    fitted.current = true;
  }, [width, height, measured, fit]);
  return useCallback(() => {
    touched.current = true;
  }, []);
}

/** Below this zoom words are hard to read: a new node is then brought into view by moving, not by shrinking the rest. */
const READABLE = 0.5;

/** Brings a new node at `place` into view: with all others if all were seen before, else by moving as little as it takes. */
export function useReveal(): (place: { x: number; y: number }) => void {
  const { setViewport } = useReactFlow();
  const store = useStoreApi();
  return useCallback(
    (place) => {
      const { width, height, transform: [x, y, zoom] } = store.getState();
      const shiftOf = (box: Box): { x: number; y: number } =>
        shiftInto({ x: box.x * zoom + x, y: box.y * zoom + y, width: box.width * zoom, height: box.height * zoom }, { width, height });
      const shift = shiftOf({ ...place, width: 240, height: 120 });
      if (!shift.x && !shift.y) return;
      const boxes = useFlow.getState().nodes.map(({ position, measured }) => ({ ...position, width: measured?.width ?? 240, height: measured?.height ?? 120 }));
      const others = boxes.filter((box) => box.x !== place.x || box.y !== place.y);
      const seen = others.every((box) => {
        const away = shiftOf(box);
        return Math.abs(away.x) < 1 && Math.abs(away.y) < 1;
      });
      const all = seen ? viewFitting(boxes, { width, height }, height >= OVERVIEW_FROM) : null;
      const view = all && all.zoom >= READABLE ? all : { x: x + shift.x, y: y + shift.y, zoom };
      void setViewport(view, { duration: calm() ? 0 : MOVE_MS });
    },
    [setViewport, store],
  );
}
