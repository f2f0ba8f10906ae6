// Faults that the made-up server plants on purpose: with each of them the walk and the pictures must
// fail. A script among these is added to the page, as a mistake in the console itself would be.
// It waits for the page's heading, which comes late on a busy machine.
const later = (act) =>
  `addEventListener("load", () => { const act = () => (document.querySelector("h1") ? (() => { ${act} })() : setTimeout(act, 50)); setTimeout(act, 300); });`;

/** @type {Record<string, { script?: string, result?: string, says: string }>} */
export const FAULTS = {
  "console-error": {
    script: later(`console.error("planted")`),
    says: "console error: planted",
  },
  "nameless-button": {
    script: later(
      `const one = document.createElement("button"); one.append(new Image()); one.firstChild.alt = ""; document.body.append(one);`,
    ),
    says: "axe button-name",
  },
  "missing-route": {
    script: later(
      `__TSR_ROUTER__.routesById["/planted"] = { options: { path: "/planted", component: Object }, fullPath: "/planted" };`,
    ),
    says: "/planted: the router serves it, and it has no picture",
  },
  "dead-link": {
    script: later(
      `const one = document.createElement("a"); one.href = "/nowhere/at/all"; one.textContent = "Planted"; document.querySelector("main").append(one);`,
    ),
    says: "which is no page",
  },
  overlap: {
    script: later(
      `const one = document.createElement("p"); one.textContent = "Planted over the heading"; const h1 = document.querySelector("h1"); h1.before(one); one.style.marginBottom = "-1.4rem";`,
    ),
    says: "lie over each other",
  },
  "foreign-request": {
    script: later(`fetch("https://planted.invalid/").catch(() => undefined)`),
    says: "planted.invalid",
  },
  returned: { result: "returned", says: "did not end migrated" },
};
