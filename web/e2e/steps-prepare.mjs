// From the first sign-in to the Translation Table.
import { ready } from "./browser.mjs";
import { button, heading, open, press } from "./steps-shared.mjs";

export async function setup({ page, address, lab, look }) {
  const { name, password } = lab.administrator;
  await page.goto(address);
  await ready(page);
  await look("setup-first");
  await page.getByLabel("Your sign-in name").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByLabel("Password again").fill(password);
  await page.getByLabel("Name of the customer environment").fill(lab.customer);
  await press(page, "Set up", () => heading(page, "Write down the recovery key").waitFor());
  const key = (await page.locator("[data-copy='Recovery key']").innerText()).trim();
  if (page.url().includes("#")) throw new Error("the token stayed in the address bar");
  await look("setup-recovery-key");
  await page.getByLabel("Type the recovery key as you wrote it down").fill(key);
  await press(page, "Confirm and go on", () => heading(page, "Guide").waitFor());
}

export async function guide({ page, lab }) {
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

export async function issuer({ page, lab }) {
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

export const source = ({ page, lab }) => directory(page, lab.source);
export const target = ({ page, lab }) => directory(page, lab.target);

export async function profile({ page, lab }) {
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

export async function schedule({ page }) {
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

export async function table({ page, lab }) {
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
