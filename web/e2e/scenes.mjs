// What a page shows only after something was done on it: open menus, dialogs, tabs, refusals.
// Played against the made-up server, whose contents are known.
import { join } from "node:path";
import { overlaps, ready, serious, watch } from "./browser.mjs";

const first = (page, path) => page.locator(`main a[href^="${path}/"]:not([href$="/new"])`).first().click();

const SCENES = {
  menu: { narrow: true, at: "/", play: (page) => page.getByRole("button", { name: "Menu" }).click() },
  explanation: {
    covers: true,
    at: "/translation-table?state=ambiguous",
    play: (page) =>
      page
        .getByRole("button", { name: /^Explain/ })
        .first()
        .click(),
  },
  question: {
    covers: true,
    at: "/psks",
    play: (page) => page.getByRole("button", { name: "Revoke" }).first().click(),
  },
  "key-shown-once": {
    at: "/psks",
    play: async (page) => {
      await page.getByLabel("What it is for").fill("Pilot");
      await page.getByLabel("An administrator approves").check();
      await page.getByRole("button", { name: "Make the key" }).click();
      await page.getByText("The key, shown this one time").waitFor();
    },
  },
  "connection-refused": {
    at: "/directories/new",
    play: async (page) => {
      await page.getByLabel("Domain controller").fill("wrong.source.test");
      await page.getByRole("button", { name: "Test the connection" }).click();
      await page.locator("[data-outcome=failed]").waitFor();
    },
  },
  "runbook-refused": {
    at: "/runbooks/new",
    expected: [422],
    play: async (page) => {
      await page.getByRole("tab", { name: "Permission updates" }).click();
      await page.getByRole("button", { name: "Add a path" }).click();
      await page.getByRole("button", { name: "Save" }).click();
      await page.locator(".note.bad").waitFor();
    },
  },
  "licence-refused": {
    at: "/licences",
    play: async (page) => {
      await page.getByLabel("Licence", { exact: true }).fill("nonsense");
      await page.getByRole("button", { name: "Check" }).click();
      await page.locator("form .note.bad").waitFor();
    },
  },
  "csv-refused": {
    at: "/batches",
    expected: [422],
    play: async (page) => {
      await first(page, "/batches");
      await page.getByLabel("Or paste the lines here").fill("computer\nPC-001\nPC-999\n");
      await page.getByRole("button", { name: "Import", exact: true }).click();
      await page.getByText("Nothing was stored").first().waitFor();
    },
  },
  "password-shown": {
    covers: true,
    at: "/runs",
    play: async (page) => {
      // A device that has run, by way of its run.
      await first(page, "/runs");
      await page.locator('main a[href^="/devices/"]').first().click();
      await page.getByRole("button", { name: "Show password" }).first().click();
      await page.getByLabel("Why it is needed").fill("Held, and nobody can sign in");
      await page.getByRole("dialog").getByRole("button", { name: "Show password" }).click();
      await page.locator("[data-copy=Password]").waitFor();
    },
  },
  conflict: {
    at: "/devices?trust=conflict",
    play: async (page) => {
      await first(page, "/devices");
      await page.getByText("Two machines claim").waitFor();
    },
  },
};
const TABS = [
  "Startup",
  "User experience",
  "Device state",
  "Permission updates",
  "App reconfiguration",
  "Completion",
];
for (const name of TABS) {
  SCENES[`tab-${name.toLowerCase().replaceAll(" ", "-")}`] = {
    at: "/runbooks",
    play: async (page) => {
      await first(page, "/runbooks");
      await page.getByRole("tab", { name }).click();
    },
  };
}

export async function scenes(browser, { base, state, folder, problems }) {
  for (const [name, scene] of Object.entries(SCENES)) {
    const context = await browser.newContext({
      storageState: state,
      reducedMotion: "reduce",
      colorScheme: "light",
      viewport: scene.narrow ? { width: 400, height: 850 } : { width: 1280, height: 900 },
    });
    context.setDefaultTimeout(8000);
    const page = await context.newPage();
    const { expecting } = watch(page, problems);
    try {
      await page.goto(base + scene.at);
      await ready(page);
      await expecting(scene.expected ?? [], () => scene.play(page));
      await ready(page);
      // A scene may have scrolled; the bar that stays at the top covers what goes by beneath it.
      if (!scene.narrow) await page.evaluate(() => scrollTo(0, 0));
      await page.screenshot({ path: join(folder, `scene-${name}.png`), fullPage: !scene.narrow });
      if (!scene.narrow && !scene.covers) {
        for (const finding of await overlaps(page)) problems.push(`scene ${name}: ${finding}`);
      }
      for (const finding of await serious(page)) problems.push(`scene ${name}: axe ${finding}`);
    } catch (error) {
      problems.push(`scene ${name}: ${error.message}`);
    }
    await context.close();
  }
  return Object.keys(SCENES).length;
}
