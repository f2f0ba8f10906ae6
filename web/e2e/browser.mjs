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

/** Words that lie over other words or over an input, as far as a person could see them. */
export function overlaps(page) {
  return page.evaluate(() => {
    const boxes = [];
    const hidden = (element) => {
      if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return true;
      for (let up = element; up; up = up.parentElement) {
        if (getComputedStyle(up).clipPath !== "none") return true;
      }
      return element.closest(".skip, option") !== null;
    };
    const add = (owner, rect, words) => {
      const scroller = owner.closest(".log, .table-box, .tabs-list, .nav, .modal, pre");
      const limit = scroller?.getBoundingClientRect();
      if (limit && (rect.right > limit.right + 1 || rect.bottom > limit.bottom + 1)) return;
      if (rect.width > 1 && rect.height > 1) boxes.push({ owner, rect, words });
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const owner = node.parentElement;
      if (!node.data.trim() || !owner || owner.closest("select, textarea") || hidden(owner)) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const rect of range.getClientRects()) add(owner, rect, node.data.trim().slice(0, 40));
    }
    for (const input of document.querySelectorAll("input, select, textarea")) {
      if (!hidden(input)) add(input, input.getBoundingClientRect(), `${input.type} field`);
    }
    boxes.sort((a, b) => a.rect.top - b.rect.top);
    const found = new Set();
    for (const [n, one] of boxes.entries()) {
      for (const other of boxes.slice(n + 1)) {
        if (other.rect.top > one.rect.bottom - 3) break;
        if (one.owner === other.owner) continue;
        const wide = Math.min(one.rect.right, other.rect.right) - Math.max(one.rect.left, other.rect.left);
        const high = Math.min(one.rect.bottom, other.rect.bottom) - Math.max(one.rect.top, other.rect.top);
        if (wide > 3 && high > 3) found.add(`“${one.words}” and “${other.words}” lie over each other`);
      }
    }
    return [...found];
  });
}
