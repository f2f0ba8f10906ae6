// How a person moves about in the console.
import { ready } from "./browser.mjs";

export async function open(page, name) {
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name, exact: true }).click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
  await ready(page);
}

export const button = (page, name) => page.getByRole("button", { name, exact: true });
export const heading = (page, name) => page.getByRole("heading", { level: 1, name, exact: true });

/** Presses the button of a form and waits until it worked; a problem on the page is the failure. */
export async function press(page, name, then) {
  await button(page, name).click();
  const problem = page.locator(".note.bad[role=alert]").first();
  await Promise.race([
    then(),
    problem.waitFor().then(async () => Promise.reject(new Error(await problem.innerText()))),
  ]);
}
