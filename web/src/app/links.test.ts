import { describe, expect, it } from "vitest";
import { nextPath } from "../features/sign-in/next";
import { parseLink } from "./links";

describe("links that the server sends", () => {
  it("become pages with filters", () => {
    expect(parseLink("/runs?result=held")).toEqual({ to: "/runs", search: { result: "held" } });
    expect(parseLink("/translations?state=ambiguous")).toEqual({
      to: "/translation-table",
      search: { state: "ambiguous" },
    });
  });

  it("never lead to another host", () => {
    for (const bad of ["https://evil.example/", "//evil.example", "javascript:alert(1)"]) {
      expect(parseLink(bad).to).toBe("/");
    }
  });
});

describe("the page after signing in", () => {
  it("is the one that was asked for", () => {
    expect(nextPath("?next=%2Fruns")).toBe("/runs");
    expect(nextPath("?next=%22%2Fdevices%22")).toBe("/devices");
  });

  it("is never outside of the console, and never the sign-in again", () => {
    for (const bad of [
      "",
      "?next=//evil.example",
      "?next=https://evil.example",
      "?next=/\\evil",
      "?next=/sign-in",
    ]) {
      expect(nextPath(bad)).toBe("/");
    }
  });
});
