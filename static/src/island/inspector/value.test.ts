import { expect, it } from "vitest";

import { valueSchema } from "./ValueField";

const port = (type: Parameters<typeof valueSchema>[0]["type"]): Parameters<typeof valueSchema>[0] => ({ name: "v", type, title: "Value" });

it("gives each kind of value the field it is written in", () => {
  expect(valueSchema(port("text"), "a").format).toBe("multiline");
  expect(valueSchema(port("number"), 1).type).toBe("number");
  expect(valueSchema(port("boolean"), undefined).type).toBe("boolean");
  expect(valueSchema(port("image"), { $asset: "x" })).toMatchObject({ format: "asset", "x-asset": "image" });
  expect(valueSchema(port("json"), { a: 1 }).type).toBe("object");
});

it("writes lists, and what does not fit its port, as data", () => {
  expect(valueSchema(port("text"), ["a", "b"]).type).toBe("object");
  expect(valueSchema(port("image"), ["x"]).type).toBe("object");
  expect(valueSchema(port("text"), "a", true).type).toBe("object");
});

it("goes by the value where a port takes anything", () => {
  expect(valueSchema(port("any"), "a").format).toBe("multiline");
  expect(valueSchema(port("any"), 3).type).toBe("number");
  expect(valueSchema(port("any"), { $asset: "x" }).format).toBe("asset");
  expect(valueSchema(port("any"), { a: 1 }).type).toBe("object");
  expect(valueSchema(port("any"), null).type).toBe("object");
});
