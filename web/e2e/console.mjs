// The whole way through the console alone: from the first sign-in to a verified run of a real
// device, then a picture of every page. No request is made but those of the browser.
//
//   GODWIT_URL    the set-up address that `godwit serve` printed: https://host/setup#token
//   GODWIT_LAB    a JSON file; its shape is `Lab` in e2e/lab.mjs
//   GODWIT_SHOTS  folder for the pictures
//   GODWIT_RUN_TIMEOUT_S  how long a run may take (900)
//
// Once the device is in a batch, the pre-shared key goes to standard output as a line `PSK=…`;
// whoever started this starts the agent with it. `--mock` tries the same against the made-up server;
// `--mock --fault NAME` plants a fault of e2e/mock/faults.mjs in it, which must make this fail.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { launch, ready, watch } from "./browser.mjs";
import { mockLab, readLab } from "./lab.mjs";
import { startMock } from "./mock/server.mjs";
import { glance, picture, shoot } from "./shots.mjs";
import { STEPS } from "./steps.mjs";

const planted = process.argv.indexOf("--fault");
const fault = planted > 0 ? process.argv[planted + 1] : null;
const mock = process.argv.includes("--mock") ? await startMock({ fresh: true, fault }) : null;
const address = mock ? `${mock.url}/setup#mock-token` : need("GODWIT_URL");
const lab = mock ? mockLab() : await readLab(need("GODWIT_LAB"));
const folder = process.env.GODWIT_SHOTS ?? "/tmp/godwit-shots";
const base = new URL(address).origin;
await mkdir(folder, { recursive: true });

const problems = [];
const browser = await launch();
const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 900 } });
context.setDefaultTimeout(20_000);
const page = await context.newPage();
watch(page, problems);
const look = (name) => picture(page, { name, folder, problems });
const it = { page, base, lab, look, timeout: Number(process.env.GODWIT_RUN_TIMEOUT_S ?? 900) * 1000 };
let at = "start";
try {
  for (const [name, step] of STEPS) {
    at = name;
    const begun = Date.now();
    const said = await step({ ...it, address });
    console.log(`ok ${name}${said ? `: ${said}` : ""} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
    // With a planted fault the first problem is the answer, and pictures are not worth their time.
    if (fault && problems.length > 0) throw new Error("stopped at the first problem");
    if (!fault) await glance(page, { name: `step-${name}`, folder, problems });
    // A device that is in a batch before its agent is installed gets its runbook at the first check;
    // one that enrols earlier would ask again in an hour.
    if (name === "device") console.log(`PSK=${it.lab.psk}`);
  }
  at = "pictures";
  const state = await context.storageState();
  const taken = await shoot(browser, {
    base,
    state,
    folder,
    problems,
    prefer: lab.devices,
    hasty: fault !== null,
  });
  console.log(`ok pictures: ${taken} in ${folder}`);
} catch (error) {
  problems.push(`${at}: ${error.message}`);
  await ready(page).catch(() => undefined);
  await page.screenshot({ path: join(folder, "failed.png"), fullPage: true }).catch(() => undefined);
} finally {
  await browser.close();
  mock?.stop();
}
for (const problem of new Set(problems)) console.error(`FAILED ${problem}`);
process.exit(problems.length === 0 ? 0 : 1);

function need(name) {
  const value = process.env[name];
  if (!value) {
    console.error(`${name} is not set; see the head of e2e/console.mjs`);
    process.exit(2);
  }
  return value;
}
