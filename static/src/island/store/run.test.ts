import { describe, expect, it } from "vitest";

import { errorRead, outputsRead } from "./run";

const image = { $asset: "1", kind: "image" };

describe("outputs of a step", () => {
  it("come by port", () => expect(outputsRead({ image, n: 4 })).toEqual([{ port: "image", value: image }, { port: "n", value: 4 }]));
  it("are spread where a list mapped the node", () =>
    expect(outputsRead({ image: [image, image] })).toEqual([{ port: "image", value: image }, { port: "image", value: image }]));
  it("may be a list of values with their ports", () => expect(outputsRead([{ port: "text", value: "a" }])).toEqual([{ port: "text", value: "a" }]));
  it("may be a bare reference", () => expect(outputsRead(image)).toEqual([{ port: null, value: image }]));
  it.each([null, undefined, 7, "text"])("are none for %s", (raw) => expect(outputsRead(raw)).toEqual([]));
});

describe("errors of a step", () => {
  it.each([["No.", "No."], [{ message: "No." }, "No."], [{ detail: "No." }, "No."], [null, ""]])("%j", (raw, text) => expect(errorRead(raw)).toBe(text));
});
