// Every page against the made-up server: `npm run build && node e2e/pages.mjs [FOLDER]`.
import { launch, watch } from "./browser.mjs";
import { startMock } from "./mock/server.mjs";
import { shoot } from "./shots.mjs";

const folder = process.argv[2] ?? "/tmp/godwit-shots";
const mock = await startMock();
const browser = await launch();
const problems = [];
try {
  const context = await browser.newContext();
  const page = await context.newPage();
  watch(page, problems);
  await page.goto(`${mock.url}/sign-in`);
  await page.getByLabel("Sign-in name").fill("admin");
  await page.getByLabel("Password").fill("correct horse battery");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Dashboard" }).waitFor();
  const state = await context.storageState();
  await context.close();
  const taken = await shoot(browser, { base: mock.url, state, folder, problems });
  console.log(`${taken} pictures in ${folder}`);
} finally {
  await browser.close();
  mock.stop();
}
for (const problem of [...new Set(problems)]) console.error(problem);
process.exit(problems.length === 0 ? 0 : 1);
