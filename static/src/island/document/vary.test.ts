import { describe, expect, it } from "vitest";

import { rangeValues, sweepable, valuesRead, variantsCount, varyKept } from "./vary";

describe("variants", () => {
  it("are the cross product of what differs", () => {
    expect(variantsCount({ models: ["a", "b"], seeds: 3, sweep: { width: [1, 2] } })).toBe(12);
    expect(variantsCount({ seeds: [4, 9] })).toBe(2);
    expect(variantsCount({ choose: "votes" })).toBe(0);
  });

  it("keep nothing that is empty", () => {
    expect(varyKept({ models: [], seeds: 0, sweep: { width: [] } })).toBeUndefined();
    expect(varyKept({ seeds: 4, sweep: {}, choose: "first" })).toEqual({ seeds: 4 });
    expect(varyKept({ models: ["a"], choose: "person" })).toEqual({ models: ["a"], choose: "person" });
  });

  it("read values between commas and ranges", () => {
    const number = { type: "integer" };
    expect(valuesRead("256, 512,512", number)).toEqual([256, 512]);
    expect(valuesRead("20–50:10, 7", number)).toEqual([20, 30, 40, 50, 7]);
    expect(valuesRead("0.1..0.3:0.1", { type: "number" })).toEqual([0.1, 0.2, 0.3]);
    expect(valuesRead("1-3", number)).toEqual([1, 2, 3]);
    expect(valuesRead("8–32", { type: "integer", multipleOf: 8 })).toEqual([8, 16, 24, 32]);
    expect(valuesRead("wide, , tall", { type: "string" })).toEqual(["wide", "tall"]);
    expect(valuesRead("many", number)).toEqual([]);
    expect(rangeValues(5, 1, 1)).toEqual([]);
    expect(rangeValues(0, 10_000, 1)).toHaveLength(65);
  });

  it("sweep no model, seed or file", () => {
    const properties = { model: { format: "model" }, seed: { type: "integer", format: "seed" }, mask: { format: "asset", type: "string" }, width: { type: "integer" }, style: { enum: ["a"] } };
    expect(sweepable(properties).map(([name]) => name)).toEqual(["width", "style"]);
  });
});
