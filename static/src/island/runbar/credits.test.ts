import { describe, expect, it, vi } from "vitest";

import { formatPrice } from "./credits";

vi.stubGlobal("document", { documentElement: { lang: "en" } });

describe("a price", () => {
  it("says who pays where no credits do", () => {
    expect(formatPrice({ low: 0, high: 0 })).toBe("free");
    expect(formatPrice({ low: 0, high: 0, own_keys: ["openai"] })).toBe("on your own key");
    expect(formatPrice({ low: 0, high: 0, own_keys: ["openai"], per_item: true })).toBe("on your own key");
  });

  it("is in credits where a fallback may cost some", () => {
    expect(formatPrice({ low: 0, high: 2_000_000, own_keys: ["openai"] })).toBe("0–2 credits");
  });
});
