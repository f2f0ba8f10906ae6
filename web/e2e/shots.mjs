// A picture of every page × light, dark, 400 px wide. A page without a picture, an error in the
// console, a request to another host, a page wider than its window or a serious finding of axe fails.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ROUTES } from "../src/routes.js";
import { ready, serious, watch } from "./browser.mjs";

const VARIANTS = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { name: "narrow", colorScheme: "light", viewport: { width: 400, height: 850 } },
];

/** The address of a page; pages of one thing are found by the links of the page they hang on. */
async function addressOf(page, route, base, prefer) {
  if (!("from" in route)) return base + route.path;
  const [head] = route.path.split("/$");
  await page.goto(base + route.from);
  await ready(page);
  const links = await page
    .locator(`main a[href^="${head}/"]`)
    .evaluateAll((all) => all.map((one) => ({ to: one.getAttribute("href"), text: one.textContent })));
  const depth = route.path.split("/").length;
  const fitting = links.filter(({ to }) => to.split("/").length === depth && !to.endsWith("/new"));
  const found = (fitting.find(({ text }) => prefer.includes(text)) ?? fitting[0])?.to;
  return found ? base + found : null;
}

/**
 * Opens every page in every variant. `state` is what a signed-in context has stored; of several
 * examples of a page one whose name is in `prefer` is taken.
 */
export async function shoot(browser, { base, state, folder, problems, prefer = [] }) {
  await mkdir(folder, { recursive: true });
  let taken = 0;
  for (const { name, ...look } of VARIANTS) {
    for (const open of [true, false]) {
      const context = await browser.newContext({
        ...look,
        ignoreHTTPSErrors: true,
        reducedMotion: "reduce",
        storageState: open ? undefined : state,
      });
      const page = await context.newPage();
      watch(page, problems);
      for (const route of ROUTES.filter((one) => "open" in one === open)) {
        const file = `${route.path === "/" ? "dashboard" : route.path.slice(1).replaceAll("/", "-").replaceAll("$", "")}.${name}.png`;
        try {
          const address = await addressOf(page, route, base, prefer);
          if (!address) throw new Error(`no link to an example on ${route.from}`);
          await page.goto(address);
          await ready(page);
          await page.screenshot({ path: join(folder, file), fullPage: true });
          taken += 1;
          const over = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          if (over > 0) problems.push(`${route.path} (${name}): ${over} px wider than the window`);
          for (const finding of await serious(page)) problems.push(`${route.path} (${name}): axe ${finding}`);
        } catch (error) {
          problems.push(`${route.path} (${name}): ${error.message}`);
        }
      }
      await context.close();
    }
  }
  const wanted = ROUTES.length * VARIANTS.length;
  if (taken !== wanted) problems.push(`${taken} of ${wanted} pictures were taken`);
  return taken;
}
