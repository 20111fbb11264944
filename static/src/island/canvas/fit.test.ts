import { describe, expect, it } from "vitest";

import { OVERVIEW, shiftInto, viewFitting, type Box } from "./fit";

const SIZE = { width: 728, height: 532 };
const row = (count: number, y = 0): Box[] => Array.from({ length: count }, (_, index) => ({ x: index * 320, y, width: 240, height: 160 }));

function onScreen(boxes: Box[], size = SIZE): Box[] {
  const view = viewFitting(boxes, size, true)!;
  return boxes.map((box) => ({ x: box.x * view.zoom + view.x, y: box.y * view.zoom + view.y, width: box.width * view.zoom, height: box.height * view.zoom }));
}

describe("fitting the graph", () => {
  it("shows every node, none of them under the overview or the controls", () => {
    for (const boxes of [row(5), [...row(3), ...row(3, 400), ...row(3, 800)], [...row(5, 0), ...row(5, 700)], row(1)]) {
      for (const box of onScreen(boxes)) {
        expect(box.x).toBeGreaterThanOrEqual(64);
        expect(box.x + box.width).toBeLessThanOrEqual(SIZE.width - 23);
        expect(box.y).toBeGreaterThanOrEqual(23);
        expect(box.y + box.height).toBeLessThanOrEqual(SIZE.height - 23);
        const under = box.x + box.width > SIZE.width - 15 - OVERVIEW.width && box.y + box.height > SIZE.height - 15 - OVERVIEW.height;
        expect(under).toBe(false);
      }
    }
  });

  it("does not enlarge a single node", () => expect(onScreen(row(1))[0]!.width).toBe(240));
});

describe("a new node", () => {
  it("stays where it is when it can be seen", () => expect(shiftInto({ x: 100, y: 100, width: 240, height: 120 }, SIZE)).toEqual({ x: 0, y: 0 }));

  it("is brought into view from beyond each edge", () => {
    expect(shiftInto({ x: 700, y: 500, width: 240, height: 120 }, SIZE)).toEqual({ x: -236, y: -112 });
    expect(shiftInto({ x: 0, y: -40, width: 240, height: 120 }, SIZE)).toEqual({ x: 65, y: 64 });
  });
});
