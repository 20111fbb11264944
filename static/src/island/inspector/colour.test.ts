import { expect, it } from "vitest";

import { pickable, repainted } from "./ColourField";

it("shows what a picker can show", () => {
  expect(pickable("#F80")).toBe("#ff8800");
  expect(pickable(" #FF8800 ")).toBe("#ff8800");
  expect(pickable("#ff880080")).toBe("#ff8800");
  expect(pickable("transparent")).toBeNull();
  expect(pickable("#ff88")).toBe("#ffff88");
  expect(pickable("")).toBeNull();
});

it("keeps how transparent a colour was", () => {
  expect(repainted("#00000080", "#ff8800")).toBe("#ff880080");
  expect(repainted("navy", "#ff8800")).toBe("#ff8800");
});
