// A picture of every page: `npm run build && node e2e/pages.mjs [FOLDER]`.
// Against the made-up server, or against a real one that is set up: GODWIT_BASE, GODWIT_NAME,
// GODWIT_PASSWORD.
import { launch, watch } from "./browser.mjs";
import { startMock } from "./mock/server.mjs";
import { scenes } from "./scenes.mjs";
import { shoot } from "./shots.mjs";

const folder = process.argv[2]?.startsWith("/") ? process.argv[2] : "/tmp/godwit-shots";
const planted = process.argv.indexOf("--fault");
const fault = planted > 0 ? process.argv[planted + 1] : null;
const mock = process.env.GODWIT_BASE ? null : await startMock({ fault });
const base = process.env.GODWIT_BASE ?? mock.url;
const browser = await launch();
const problems = [];
try {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  watch(page, problems);
  await page.goto(`${base}/sign-in`);
  await page.getByLabel("Sign-in name").fill(process.env.GODWIT_NAME ?? "admin");
  await page.getByLabel("Password").fill(process.env.GODWIT_PASSWORD ?? "correct horse battery");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Dashboard" }).waitFor();
  const state = await context.storageState();
  await context.close();
  const taken = await shoot(browser, { base, state, folder, problems });
  console.log(`${taken} pictures in ${folder}`);
  if (mock) console.log(`${await scenes(browser, { base, state, folder, problems })} scenes`);
} finally {
  await browser.close();
  mock?.stop();
}
for (const problem of [...new Set(problems)]) console.error(problem);
process.exit(problems.length === 0 ? 0 : 1);
