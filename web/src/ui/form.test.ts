import { describe, expect, it } from "vitest";
import { at, type Json, withAt } from "./form";

const document: Json = { a: { list: [{ name: "x", extra: 1 }], keep: "me" }, extensions: { later: [1, 2] } };

describe("changes deep inside a document", () => {
  it("leave everything beside them as it was, known or not", () => {
    const changed = withAt(document, "a.list.0.name", "y");
    expect(changed).toEqual({
      a: { list: [{ name: "y", extra: 1 }], keep: "me" },
      extensions: { later: [1, 2] },
    });
    expect(at(document, "a.list.0.name")).toBe("x");
  });

  it("make what is missing on the way", () => {
    expect(withAt({}, "texts.de.available.title", "Hallo")).toEqual({
      texts: { de: { available: { title: "Hallo" } } },
    });
    expect(withAt({ script: null }, "script.name", "a")).toEqual({ script: { name: "a" } });
  });

  it("read nothing where nothing is", () => {
    expect(at(document, "a.list.7.name")).toBeUndefined();
    expect(at(document, "a.keep.deeper")).toBeUndefined();
  });
});
