import { describe, expect, it } from "vitest";
import { cells, isCsvImport, precheck } from "./csv";

const codes = (text: string) => precheck(text).map((one) => [one.line, one.code]);

describe("cells", () => {
  it("honour quotes", () => {
    expect(cells('a,"b,""c""",d', ",")).toEqual(["a", 'b,"c"', "d"]);
    expect(cells("", ",")).toEqual([""]);
    expect(cells('a;"b', ";")).toBeNull();
  });
});

describe("the look at a list before it is sent", () => {
  it("finds nothing wrong with good lists, with or without a header", () => {
    expect(codes("PC-1\nPC-2\n")).toEqual([]);
    expect(codes("computer,serial\r\nPC-1,A\r\nPC-2,B\r\n")).toEqual([]);
    expect(codes("\uFEFFstandort;computer\nBern;PC-1\nBern;PC-2\n")).toEqual([]);
  });

  it("names the line of what stands there twice, whatever its case and dollar", () => {
    expect(codes("name\nPC-1\n\npc-1$\n")).toEqual([[4, "twice"]]);
    expect(precheck("PC-1\nPC-1")[0]?.message).toContain("line 1");
  });

  it("names the line of an open quote", () => {
    expect(codes('computer\nPC-1\n"PC-2\n')).toEqual([[3, "open_quote"]]);
  });

  it("refuses a list of nothing", () => {
    expect(codes("")).toEqual([[1, "no_device"]]);
    expect(codes("computer\n\n")).toEqual([[1, "no_device"]]);
  });

  it("refuses what the server would not read", () => {
    expect(codes("x".repeat(16 * 1024 * 1024 + 1))).toEqual([[1, "too_large"]]);
  });
});

describe("the answer to an import", () => {
  it("is told from a problem", () => {
    expect(isCsvImport({ ok: false, lines: 2, added: 0, unchanged: 0, errors: [] })).toBe(true);
    expect(isCsvImport({ code: "not_found", detail: "…", errors: [] })).toBe(false);
    expect(isCsvImport(null)).toBe(false);
  });
});
