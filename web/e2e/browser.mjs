// The browser of the end-to-end tests, and what must hold on every page it opens.
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ARGS,
    headless: true,
  });
}

/** Collects what must not happen. `expected` names refusals that a step provokes on purpose. */
export function watch(page, problems) {
  let expected = [];
  page.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    const text = message.text();
    if (expected.some((status) => text.includes(`status of ${status}`))) return;
    problems.push(`${page.url()}: console ${message.type()}: ${text}`);
  });
  page.on("pageerror", (error) => problems.push(`${page.url()}: ${error.message}`));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(page.url()).origin && page.url() !== "about:blank") {
      problems.push(`${page.url()}: request to another host: ${request.url()}`);
    }
  });
  return {
    expecting: async (statuses, act) => {
      expected = statuses;
      await act();
      expected = [];
    },
  };
}

/** Findings of axe that are serious or worse. */
export async function serious(page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter((one) => one.impact === "serious" || one.impact === "critical")
    .map(
      (one) =>
        `${one.id}: ${one.help}: ${one.nodes
          .slice(0, 3)
          .map((node) => node.html)
          .join(" | ")}`,
    );
}

/** A page is ready when it has a heading and nothing is loading. */
export async function ready(page) {
  await page.locator("h1").first().waitFor();
  await page.waitForFunction(() => !/Loading…/.test(document.body.textContent ?? ""), undefined, {
    timeout: 15_000,
  });
  await page.evaluate(() => document.fonts.ready);
}
