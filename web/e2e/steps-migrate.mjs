// From the licence to a verified run.
import { ready } from "./browser.mjs";
import { button, heading, open, press } from "./steps-shared.mjs";

export async function licence({ page, lab }) {
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

export async function runbook({ page, lab }) {
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

export async function certificate({ page }) {
  await open(page, "Migration Agent certificate");
  const id = (await page.locator("[data-copy=Id]").innerText()).trim();
  if (!/^[0-9a-f]{64}$/.test(id)) throw new Error(`the root's id is “${id}”`);
  await page.getByText("In use").first().waitFor();
}

export async function psk({ page, lab }) {
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

export async function batch({ page, lab }) {
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

export async function device({ page, lab }) {
  await page.getByRole("link", { name: lab.devices[0], exact: true }).first().click();
  await heading(page, lab.devices[0]).waitFor();
  await ready(page);
  const why = page.locator("[data-decision]").first();
  await why.waitFor();
  return (await why.innerText()).replaceAll(/\s+/g, " ");
}

/** Watches each run on its own page, which nobody reloads, until it says how it ended. */
export async function runs({ page, lab, look, timeout }) {
  const until = Date.now() + timeout;
  const left = () => Math.max(1, until - Date.now());
  const said = [];
  for (const name of lab.devices) {
    await open(page, "Runs");
    const link = page.getByRole("row").getByRole("link", { name, exact: true }).first();
    await link.waitFor({ timeout: left() });
    await link.click();
    await heading(page, `Run on ${name}`).waitFor();
    await ready(page);
    const state = page.locator("[data-result]");
    await page.locator("li[data-step][data-state=done]").first().waitFor({ timeout: left() });
    said.push(`${name} first seen ${(await state.getAttribute("data-state")) ?? ""}`);
    await look("run-under-way");
    await page.locator("[data-result]:not([data-result=''])").waitFor({ timeout: left() });
    const [result, words] = [await state.getAttribute("data-result"), await state.innerText()];
    if (result !== "migrated" || words.trim() !== "Migrated") {
      const why = (await page.locator("main").innerText()).slice(0, 400);
      throw new Error(`${name} did not end migrated but ${result}: ${why}`);
    }
  }
  await open(page, "Runs");
  return said.join(", ");
}

export async function detail({ page, lab }) {
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

export async function guideDone({ page }) {
  await open(page, "Guide");
  const open_ = await page
    .locator("li[data-step]:not([data-state=done])")
    .evaluateAll((all) => all.map((one) => one.dataset.step));
  if (open_.length > 0) throw new Error(`the guide still has to do: ${open_.join(", ")}`);
}
