// The steps of e2e/console.mjs in their order. Each does what a person would do, and fails when the
// page does not say what a person would look for.
import { ready } from "./browser.mjs";

async function open(page, name) {
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name, exact: true }).click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
  await ready(page);
}

const button = (page, name) => page.getByRole("button", { name, exact: true });
const heading = (page, name) => page.getByRole("heading", { level: 1, name, exact: true });

/** Presses the button of a form and waits until it worked; a problem on the page is the failure. */
async function press(page, name, then) {
  await button(page, name).click();
  const problem = page.locator(".note.bad[role=alert]").first();
  await Promise.race([
    then(),
    problem.waitFor().then(async () => Promise.reject(new Error(await problem.innerText()))),
  ]);
}

async function setup({ page, address, lab }) {
  const { name, password } = lab.administrator;
  await page.goto(address);
  await page.getByLabel("Your sign-in name").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByLabel("Password again").fill(password);
  await page.getByLabel("Name of the customer environment").fill(lab.customer);
  await press(page, "Set up", () => heading(page, "Write down the recovery key").waitFor());
  const key = (await page.locator("[data-copy='Recovery key']").innerText()).trim();
  if (page.url().includes("#")) throw new Error("the token stayed in the address bar");
  await page.getByLabel("Type the recovery key as you wrote it down").fill(key);
  await press(page, "Confirm and go on", () => heading(page, "Guide").waitFor());
}

async function guide({ page, lab }) {
  await ready(page);
  const all = await page.locator("li[data-step]").count();
  if (all !== 8) throw new Error(`the guide shows ${all} steps instead of eight`);
  const done = await page.locator("li[data-step][data-state=done]").count();
  if (done === 8) throw new Error("the guide of an empty customer says that everything is done");
  const first = page.getByRole("checkbox").first();
  await first.click();
  await page.getByText(`Ticked by ${lab.administrator.name}`).first().waitFor();
  return `${done} of ${all} done`;
}

async function issuer({ page, lab }) {
  await open(page, "Settings");
  if (lab.agent_url) await page.getByLabel("Address for agents").fill(lab.agent_url);
  await button(page, "Add an issuer").click();
  await page.getByLabel("Name of issuer 1").fill("Lab issuer");
  await page.getByLabel("Public key of issuer 1").fill(lab.issuer_public_key);
  await press(page, "Save", () =>
    page.waitForFunction(() => document.querySelectorAll("form .fault, .note.bad").length === 0),
  );
  await page.reload();
  await ready(page);
  const kept = await page.getByLabel("Public key of issuer 1").inputValue();
  if (kept.trim() !== lab.issuer_public_key.trim()) throw new Error("the issuer was not kept");
}

async function directory(page, side) {
  await open(page, "Directories");
  await page.getByRole("link", { name: "Add a directory" }).click();
  await heading(page, "New directory").waitFor();
  await page.getByLabel("Name", { exact: true }).fill(side.name);
  await page.getByLabel("Domain controller").fill(side.host);
  if (side.transport === "start_tls") await page.getByLabel("StartTLS").check();
  if (side.port) await page.getByLabel("Port", { exact: true }).fill(String(side.port));
  if (side.address) await page.getByLabel("IP address, if the name does not resolve here").fill(side.address);
  await page.getByLabel("Only an authority given here").check();
  await page.getByLabel("Certificate of the authority (PEM)").fill(side.ca_pem);
  await page.getByLabel("Account", { exact: true }).fill(side.account);
  await page.getByLabel("Password", { exact: true }).fill(side.password);
  await button(page, "Add an attribute").click();
  await page.getByRole("textbox", { name: "Further attributes to import, line 1" }).fill("employeeID");
  await press(page, "Test the connection", () =>
    page.getByRole("heading", { name: "Connection test" }).waitFor(),
  );
  const checks = await page
    .locator("li[data-check]")
    .evaluateAll((all) => all.map((one) => `${one.dataset.check} ${one.dataset.outcome}`));
  if (checks.length !== 6 || checks.some((check) => !check.endsWith(" ok"))) {
    throw new Error(
      `test connection of ${side.name}: ${await page.locator("section:has(li[data-check])").innerText()}`,
    );
  }
  await press(page, "Save", () => heading(page, side.name).waitFor());
  await ready(page);
  await button(page, `Import now: ${side.name}`).click();
  const card = page.locator("section", { has: page.getByRole("heading", { name: "Import", exact: true }) });
  await card.getByText("Succeeded", { exact: true }).waitFor({ timeout: 180_000 });
  return (await card.locator(".number").first().innerText()).trim();
}

const source = ({ page, lab }) => directory(page, lab.source);
const target = ({ page, lab }) => directory(page, lab.target);

async function profile({ page, lab }) {
  await open(page, "Sync profiles");
  await page.getByRole("link", { name: "Add a sync profile" }).click();
  await heading(page, "New sync profile").waitFor();
  await ready(page);
  await page.getByLabel("Name", { exact: true }).fill("Source to target");
  await page.getByLabel("Source directory").selectOption({ label: lab.source.name });
  await page.getByLabel("Target directory").selectOption({ label: lab.target.name });
  for (const side of ["source", "target"]) {
    await page.getByLabel(`Users: attribute on the ${side}`).fill("employeeID");
    await page.getByLabel(`Groups: attribute on the ${side}`).fill("sAMAccountName");
  }
  await press(page, "Save", () => heading(page, "Source to target").waitFor());
}

async function schedule({ page }) {
  await open(page, "Schedule");
  await press(page, "Start a cycle now", () => page.getByText("Started. Its progress is below.").waitFor());
  const cycle = page
    .getByRole("row")
    .filter({ has: page.getByRole("link", { name: "Cycle" }) })
    .first();
  await cycle.getByText(/^(Succeeded|Failed|Cancelled)$/).waitFor({ timeout: 300_000 });
  const said = (await cycle.innerText()).replaceAll(/\s+/g, " ");
  if (!said.includes("Succeeded")) throw new Error(`the cycle did not succeed: ${said}`);
  await cycle.getByRole("link").click();
  await ready(page);
  return said;
}

async function table({ page, lab }) {
  await open(page, "Translation Table");
  const of = async (state) =>
    Number((await page.locator(`[data-count=${state}] .value`).innerText()).replaceAll(",", ""));
  await page.locator("[data-count=matched]").waitFor();
  const matched = await of("matched");
  const wanted = lab.matched ?? null;
  if (wanted === null ? matched === 0 : matched !== wanted) {
    throw new Error(`${matched} rows are matched instead of ${wanted ?? "at least one"}`);
  }
  await page
    .getByRole("button", { name: /^Explain: / })
    .first()
    .click();
  const panel = page.getByRole("dialog");
  await panel.locator("ol li").first().waitFor();
  await button(page, "Close").click();
  await page.getByLabel("State", { exact: true }).selectOption("Matched");
  await ready(page);
  return `${matched} matched, ${await of("unmatched")} unmatched, ${await of("ambiguous")} ambiguous`;
}

async function licence({ page, lab }) {
  await open(page, "Licences");
  await page.getByLabel("Licence", { exact: true }).fill("this is no licence");
  await press(page, "Check", () => page.locator("form .note").first().waitFor()).catch(() => undefined);
  const refusal = (await page.locator("form .note.bad").first().innerText()).trim();
  if (refusal.length < 20) throw new Error("a wrong licence is refused without words");
  await page.getByLabel("Licence", { exact: true }).fill(lab.licence);
  await press(page, "Check", () => page.getByText("This licence can be added.").waitFor());
  await press(page, "Add the licence", () => page.getByText("Added.").waitFor());
  await page.getByText("Valid", { exact: true }).first().waitFor();
}

async function runbook({ page, lab }) {
  await open(page, "Runbooks");
  await page.getByRole("link", { name: "Add a runbook" }).click();
  await heading(page, "New runbook").waitFor();
  await ready(page);
  const tab = (name) => page.getByRole("tab", { name }).click();
  await page.getByLabel("Name", { exact: true }).fill("Move to the target");
  await page.getByRole("group", { name: "Source directories" }).getByLabel(lab.source.name).check();
  await page.getByLabel("Target directory").selectOption({ label: lab.target.name });
  await tab("Device state");
  await page.getByLabel("Leave").selectOption({ label: "Active Directory" });
  await page.getByLabel("Join account").first().fill(lab.join_account);
  await page.getByLabel("Password of the join account").fill(lab.join_password);
  if (lab.organisational_unit) {
    await page.getByLabel("Organisational unit of the computer account").fill(lab.organisational_unit);
  }
  await page.getByLabel("Use a computer account that exists already").check();
  await page.getByLabel("Return account").first().fill(lab.return_account);
  await page.getByLabel("Password of the return account").fill(lab.return_password);
  await tab("Permission updates");
  await page.getByLabel("Add and remove").check();
  await press(page, "Save", () => heading(page, "Move to the target").waitFor());
  await ready(page);
  await page.getByRole("tab", { name: "Device state" }).click();
  const kept = await page.getByText("Stored. Leave it empty to keep it.").count();
  if (kept !== 2) throw new Error(`${kept} of 2 passwords are stored`);
}

async function certificate({ page }) {
  await open(page, "Migration Agent certificate");
  const id = (await page.locator("[data-copy=Id]").innerText()).trim();
  if (!/^[0-9a-f]{64}$/.test(id)) throw new Error(`the root's id is “${id}”`);
  await page.getByText("In use").first().waitFor();
}

async function psk({ page, lab }) {
  await open(page, "Pre-shared keys");
  await page.getByLabel("What it is for").fill("Lab devices");
  await page.getByLabel("The first to claim an imported computer gets it").check();
  await press(page, "Make the key", () => heading(page, "Pre-shared keys").waitFor());
  lab.psk = (await page.locator("[data-copy='Pre-shared key']").innerText()).trim();
  const command = await page.locator("[data-copy='Install command']").innerText();
  if (!command.includes(lab.psk) || !command.includes("URL=")) {
    throw new Error("the install command lacks the key or the address");
  }
  await button(page, "I have taken it").click();
  await page.getByRole("cell", { name: "Lab devices" }).waitFor();
  if ((await page.content()).includes(lab.psk)) throw new Error("the key is still on the page");
}

async function batch({ page, lab }) {
  await open(page, "Batches");
  await page.getByRole("link", { name: "Add a batch" }).click();
  await heading(page, "New batch").waitFor();
  await ready(page);
  await page.getByLabel("Name", { exact: true }).fill("Lab batch");
  await page.getByLabel("Source directory").selectOption({ label: lab.source.name });
  await page.getByLabel("Target directory").selectOption({ label: lab.target.name });
  await button(page, "Add a runbook").click();
  await page.getByLabel("Runbook", { exact: true }).selectOption({ label: "Move to the target" });
  await page.getByLabel("Time zone").selectOption({ label: "UTC" });
  await button(page, "Set “Available from” to now").click();
  await button(page, "Set “Enforced after” to now").click();
  await press(page, "Save", () => heading(page, "Lab batch").waitFor());
  for (const device of lab.devices) {
    await page.getByLabel("Search devices by name or serial number").fill(device);
    await button(page, `Add ${device}`).click();
    await page.getByRole("button", { name: `Take off the list: ${device}`, exact: true }).waitFor();
  }
}

async function device({ page, lab }) {
  await page.getByRole("link", { name: lab.devices[0], exact: true }).first().click();
  await heading(page, lab.devices[0]).waitFor();
  await ready(page);
  const why = page.locator("[data-decision]").first();
  await why.waitFor();
  return (await why.innerText()).replaceAll(/\s+/g, " ");
}

async function runs({ page, lab, timeout }) {
  await open(page, "Runs");
  const until = Date.now() + timeout;
  for (const name of lab.devices) {
    const row = page
      .getByRole("row")
      .filter({ has: page.getByRole("link", { name, exact: true }) })
      .first();
    await row
      .getByText(/^(Migrated|Restored|Returned|Held|Cancelled)$/)
      .waitFor({ timeout: Math.max(1, until - Date.now()) });
    const said = (await row.innerText()).replaceAll(/\s+/g, " ");
    if (!said.includes("Migrated")) throw new Error(`${name} did not end migrated: ${said}`);
  }
}

async function detail({ page, lab }) {
  await page.getByRole("row").getByRole("link", { name: lab.devices[0], exact: true }).first().click();
  await heading(page, `Run on ${lab.devices[0]}`).waitFor();
  await ready(page);
  const states = await page
    .locator("li[data-step]")
    .evaluateAll((all) => all.map((one) => `${one.dataset.step} ${one.dataset.state}`));
  const bad = states.filter((state) => !/ (done|skipped|pending)$/.test(state));
  for (const wanted of ["leave done", "join done", "files done", "verify done"]) {
    if (!states.includes(wanted)) bad.push(`not ${wanted}`);
  }
  if (bad.length > 0) throw new Error(`steps: ${bad.join(", ")}`);
  const users = page.getByRole("table", { name: "Users" }).getByRole("row");
  const migrated = await users.filter({ hasText: "Migrated" }).count();
  if (migrated === 0) throw new Error("no user's profile is shown as migrated");
  const lines = await page.getByRole("log").locator("li").count();
  if (lines === 0) throw new Error("the run has no line of log");
  return `${states.length} steps, ${migrated} users migrated, ${lines} lines of log`;
}

async function guideDone({ page }) {
  await open(page, "Guide");
  const open_ = await page
    .locator("li[data-step]:not([data-state=done])")
    .evaluateAll((all) => all.map((one) => one.dataset.step));
  if (open_.length > 0) throw new Error(`the guide still has to do: ${open_.join(", ")}`);
}

/** In the order of the guide. */
export const STEPS = Object.entries({
  setup,
  guide,
  issuer,
  source,
  target,
  profile,
  schedule,
  table,
  licence,
  runbook,
  certificate,
  psk,
  batch,
  device,
  runs,
  detail,
  guideDone,
});
