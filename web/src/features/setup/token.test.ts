import { describe, expect, it } from "vitest";
import { tokenOf } from "./token";

describe("the one-time token", () => {
  it("is what stands after the #", () => {
    expect(tokenOf("#abc-123")).toBe("abc-123");
    expect(tokenOf("#a%2Bb")).toBe("a+b");
    expect(tokenOf("#100%")).toBe("100%");
    expect(tokenOf("")).toBe("");
  });
});
