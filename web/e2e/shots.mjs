// A picture of every page × light, dark, 400 px wide. A page without a picture, an error in the
// console, a request to another host, a page wider than its window, words that lie over each other,
// a link that leads nowhere or a serious finding of axe fails.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ROUTES } from "../src/routes.js";
import { overlaps, ready, serious, watch } from "./browser.mjs";

const VARIANTS = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { name: "narrow", colorScheme: "light", viewport: { width: 400, height: 850 } },
];

/** Pictures of what the page shows now, in every variant; what is wrong with them goes to `problems`. */
export async function picture(page, { name, folder, problems, variants = VARIANTS }) {
  let taken = 0;
  for (const { name: variant, colorScheme, viewport } of variants) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize(viewport);
    await page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
    );
    await page.screenshot({ path: join(folder, `${name}.${variant}.png`), fullPage: true });
    taken += 1;
    const say = (problem) => problems.push(`${name} (${variant}): ${problem}`);
    const over = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    if (over > 0) say(`${over} px wider than the window`);
    for (const finding of await overlaps(page)) say(finding);
    for (const finding of await serious(page)) say(`axe ${finding}`);
  }
  const [first] = VARIANTS;
  await page.emulateMedia({ colorScheme: first.colorScheme, reducedMotion: "reduce" });
  await page.setViewportSize(first.viewport);
  return taken;
}

/** As `picture`, in light only. */
export const glance = (page, options) => picture(page, { ...options, variants: VARIANTS.slice(0, 1) });

/** What the router in the browser really serves: every page that draws something, and every address it knows. */
function routerOf(page) {
  return page.evaluate(() => {
    const all = Object.values(window.__TSR_ROUTER__.routesById).filter(
      (one) => one.options.path !== undefined,
    );
    return {
      drawn: all.filter((one) => one.options.component).map((one) => one.fullPath),
      known: all.map((one) => one.fullPath),
      shown: window.__TSR_ROUTER__.state.matches.at(-1)?.fullPath,
    };
  });
}

const fits = (pattern, path) =>
  new RegExp(`^${pattern.replace(/\$\w+/g, "[^/]+").replace(/(?<=.)\/$/, "")}$`).test(path);

/** Every link of a page to another page, as the address it leads to and its words. */
async function linksOf(page) {
  return page.locator("a[href^='/']:not([href^='/api/'])").evaluateAll((links) =>
    links.map((one) => ({
      to: one.pathname,
      text: one.textContent,
      inMain: one.closest("main") !== null,
    })),
  );
}

/** An example of a page of one thing, among the links of the page it hangs on. */
function exampleOf(route, links, prefer) {
  const fitting = links.filter(
    ({ to, inMain }) =>
      inMain && fits(route.path, to) && !ROUTES.some((other) => other.path === to && other !== route),
  );
  return (fitting.find(({ text }) => prefer.includes(text)) ?? fitting[0])?.to;
}

/** Links of a page, once it shows an example of each page that hangs on it: lists may come late. */
async function linksWithExamples(page, route, prefer) {
  const hanging = ROUTES.filter((one) => "from" in one && one.from === route.path);
  const until = Date.now() + 15_000;
  for (;;) {
    const found = await linksOf(page);
    if (hanging.every((one) => exampleOf(one, found, prefer)) || Date.now() > until) return found;
    await page.waitForTimeout(100);
  }
}

/**
 * Opens every page in every variant. `state` is what a signed-in context has stored; of several
 * examples of a page one whose name is in `prefer` is taken. `hasty` visits every page without a picture.
 */
export async function shoot(browser, { base, state, folder, problems, prefer = [], hasty = false }) {
  const variants = hasty ? [] : VARIANTS;
  await mkdir(folder, { recursive: true });
  const links = new Map();
  const drawn = new Set();
  const pictured = new Set();
  let taken = 0;
  for (const open of [true, false]) {
    const context = await browser.newContext({
      ...VARIANTS[0],
      ignoreHTTPSErrors: true,
      reducedMotion: "reduce",
      storageState: open ? undefined : state,
    });
    const page = await context.newPage();
    watch(page, problems);
    for (const route of ROUTES.filter((one) => "open" in one === open)) {
      const name =
        route.path === "/" ? "dashboard" : route.path.slice(1).replaceAll("/", "-").replaceAll("$", "");
      try {
        const address = "from" in route ? exampleOf(route, links.get(route.from) ?? [], prefer) : route.path;
        if (!address) throw new Error(`no link to an example on ${route.from}`);
        await page.goto(base + address);
        await ready(page);
        const router = await routerOf(page);
        for (const path of router.drawn) drawn.add(path);
        if (router.shown !== route.path) throw new Error(`the browser shows ${router.shown} instead`);
        const found = await linksWithExamples(page, route, prefer);
        links.set(route.path, found);
        for (const { to } of found) {
          if (!router.known.some((path) => fits(path, to))) {
            problems.push(`${route.path}: a link leads to ${to}, which is no page`);
          }
        }
        taken += await picture(page, { name, folder, problems, variants });
        pictured.add(route.path);
      } catch (error) {
        problems.push(`${route.path}: ${error.message}`);
      }
    }
    await context.close();
  }
  for (const path of drawn)
    if (!pictured.has(path)) problems.push(`${path}: the router serves it, and it has no picture`);
  const wanted = ROUTES.length * variants.length;
  if (taken !== wanted) problems.push(`${taken} of ${wanted} pictures were taken`);
  return taken;
}
