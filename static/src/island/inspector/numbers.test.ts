import { describe, expect, it } from "vitest";

import { numberFit, numberProblem } from "./NumberFields";

describe("a number dragged by its label", () => {
  it("stays within its bounds", () => {
    expect(numberFit(99, { type: "integer", maximum: 10 })).toBe(10);
    expect(numberFit(-5, { type: "number", minimum: 0 })).toBe(0);
  });
  it("stays on its step", () => expect(numberFit(1030, { type: "integer", multipleOf: 8 })).toBe(1032));
  it("has no dust of binary fractions", () => expect(numberFit(0.1 + 0.2, { type: "number" })).toBe(0.3));
});

describe("a number typed", () => {
  it.each([["", {}], ["abc", {}], ["9", { minimum: 10 }], ["11", { maximum: 10 }], ["1.5", { type: "integer" }]])("%s in %j is told off", (text, schema) =>
    expect(numberProblem(text, schema)).toBeTruthy(),
  );
  it("is taken when it fits", () => expect(numberProblem("10", { type: "integer", minimum: 10, maximum: 10 })).toBeNull());
});
