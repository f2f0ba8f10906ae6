// The guide of the made-up server.
import { ago } from "./data.mjs";

export function guide(s) {
  const check = (key, title, help) => ({
    key,
    title,
    help,
    done: Boolean(s.ticks[key]),
    done_by: s.ticks[key] ? s.admin.name : null,
    done_at: s.ticks[key] ? ago(50) : null,
  });
  const steps = [
    ["server", "Install the server", "/settings", true, "The server runs."],
    [
      "address",
      "Name, certificate and ports",
      "/settings",
      true,
      `Agents reach the server at ${s.settings.agent_url}.`,
    ],
    [
      "directories",
      "Connect the directories",
      "/directories",
      s.directories.filter((one) => one.imported_at).length > 1,
      `${s.directories.length} connected.`,
    ],
    [
      "table",
      "Match users and check the table",
      "/translations",
      s.rows.length > 0,
      `${s.rows.length} rows.`,
    ],
    [
      "runbooks",
      "Write a runbook and make a batch",
      "/runbooks",
      s.batches.length > 0,
      `${s.runbooks.length} runbooks, ${s.batches.length} batches.`,
    ],
    ["licence", "Add a licence", "/licences", s.licences.length > 0, `${s.licences.length} valid.`],
    [
      "agents",
      "Deploy the agent",
      "/psks",
      s.psks.length > 0,
      "Make a pre-shared key and deploy the installer with it.",
    ],
    [
      "migrate",
      "Migrate",
      "/runs",
      s.runs.some((one) => one.summary.result === "migrated"),
      "Runs that ended in the target, verified.",
    ],
  ].map(([key, title, link, done, found], n) => ({
    key,
    number: n + 1,
    title,
    link,
    found,
    state: done ? "done" : "to_do",
  }));
  const next = steps.find((step) => step.state === "to_do");
  return {
    preparation: [
      check(
        "target_ready",
        "The target is ready",
        "Bring one fresh test device into the target by your normal route and check sign-in, policies and applications there.",
      ),
      check(
        "connectivity",
        "Devices stay connected",
        "Between leaving and joining a device belongs to no directory: it must reach the target's domain controllers and this server then, too.",
      ),
      check(
        "endpoint_protection",
        "Endpoint protection lets the agent work",
        "Exclude the agent in whatever protects the devices.",
      ),
      check(
        "endpoint_protection_change",
        "Endpoint protection of source and target is planned",
        "Decide when the source's protection is removed and the target's installed.",
      ),
      check("policies", "Policies were compared", "Look for policies of source and target that contradict."),
      check("management", "Device management is prepared", "Enrolment is ready in the target."),
      check(
        "provisioning",
        "Provisioning profiles are planned",
        "Move deployment profiles and their assignments.",
      ),
    ],
    steps,
    checkpoint: [
      check("rehearsed", "Representative devices were rehearsed", "Rehearse one device of each kind."),
      check(
        "by_hand",
        "Representative devices were migrated by hand",
        "The profile carries over, the user signs in, the join is clean, and your own checks pass.",
      ),
      check(
        "pilot",
        "A pilot batch of real users went well",
        "IT first: with real prompts, real dates and real users.",
      ),
    ],
    next: next?.key ?? null,
  };
}
