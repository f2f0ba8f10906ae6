import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { text } from "./app/text";
import { ROUTES } from "./routes";

const paths: string[] = ROUTES.map((route) => route.path);

describe("the list of pages", () => {
  it("names every page once", () => {
    expect(new Set(paths).size).toBe(paths.length);
  });

  it("has a file for every page, and a page for every file", () => {
    const source = readFileSync("src/app/pages.ts", "utf8");
    const used = new Set(
      [...source.matchAll(/features\/([\w-]+)\/(\w+Page)"/g)].map((found) => `${found[1]}/${found[2]}`),
    );
    const there = readdirSync("src/features").flatMap((feature) =>
      readdirSync(`src/features/${feature}`)
        .filter((file) => file.endsWith("Page.tsx"))
        .map((file) => `${feature}/${file.replace(".tsx", "")}`),
    );
    expect([...used].sort()).toEqual(there.sort());
  });

  it("has a line in both lists for every page", () => {
    const source = readFileSync("src/app/pages.ts", "utf8");
    const drawn = [...source.matchAll(/^ {2}"(\/[^"]*)":/gm)].map((found) => found[1]);
    expect(drawn.sort()).toEqual([...paths].sort());
  });

  it("says where an example of a page with an id is found", () => {
    for (const route of ROUTES) {
      if (route.path.includes("$")) expect(paths).toContain("from" in route ? route.from : "missing");
    }
  });

  it("puts pages into groups that have a name", () => {
    for (const route of ROUTES) if ("group" in route) expect(Object.keys(text.groups)).toContain(route.group);
  });

  it("can reach every page: by the menu, by a link, or unsigned", () => {
    for (const route of ROUTES) {
      const reachable = "group" in route || "open" in route || "from" in route || route.path.endsWith("/new");
      expect(reachable, route.path).toBe(true);
    }
  });
});

describe("the source", () => {
  it("keeps every file at 300 lines or less", () => {
    const long = readdirSync("src", { recursive: true, encoding: "utf8" })
      .filter((file) => /\.(ts|tsx|js|css)$/.test(file) && !file.includes("generated"))
      .map((file) => [file, readFileSync(`src/${file}`, "utf8").split("\n").length] as const)
      .filter(([, lines]) => lines > 301);
    expect(long).toEqual([]);
  });
});
