import { describe, expect, it } from "vitest";

import { moved, paramFits, paramsDropped } from "./params";

describe("a setting under another model", () => {
  it("stays where the model takes it", () => {
    expect(paramFits({ type: "integer", minimum: 256, maximum: 2048, multipleOf: 8 }, 1024)).toBe(true);
    expect(paramFits({ type: "number", multipleOf: 0.1 }, 0.3)).toBe(true);
    expect(paramFits({ type: "string", enum: ["sea", "dunes"] }, "sea")).toBe(true);
    expect(paramFits({ type: "integer" }, { $variable: "width" })).toBe(true);
  });
  it("goes where it does not", () => {
    expect(paramFits(undefined, 7)).toBe(false);
    expect(paramFits({ type: "integer" }, 1.5)).toBe(false);
    expect(paramFits({ type: "integer" }, "7")).toBe(false);
    expect(paramFits({ type: "integer", multipleOf: 16 }, 1032)).toBe(false);
    expect(paramFits({ type: "integer", maximum: 10 }, 11)).toBe(false);
    expect(paramFits({ type: "string", maxLength: 3 }, "dunes")).toBe(false);
    expect(paramFits({ type: "string", enum: ["sea"] }, "dunes")).toBe(false);
  });
  it("is named only where it was set and was the model's own", () => {
    const before = { seed: { type: "integer" }, style: { type: "string" }, width: { type: "integer" } };
    expect(paramsDropped({ model: "a/b", seed: 7, style: "sea", $retry: { times: 1 } }, before, { seed: { type: "integer" } })).toEqual(["style"]);
  });
});

describe("an order of models", () => {
  it("changes by one place, and not beyond its ends", () => {
    expect(moved(["a", "b", "c"], 2, -1)).toEqual(["a", "c", "b"]);
    expect(moved(["a", "b"], 0, -1)).toEqual(["a", "b"]);
    expect(moved(["a", "b"], 1, 1)).toEqual(["a", "b"]);
  });
});
