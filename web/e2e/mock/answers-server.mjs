// Answers about the server: set-up, session, settings, dashboard, guide.
import { C, has, page, Refusal, whole } from "./base.mjs";
import * as d from "./data.mjs";
import { guide } from "./guide.mjs";
import { counts } from "./state.mjs";

const session = (s) => ({
  admin_id: s.admin.id,
  name: s.admin.name,
  expires_at: d.ago(-600),
  customers: s.customers.map(({ id, name }) => ({ id, name })),
});

export const ROUTES = [
  ["GET", "/setup", ({ s }) => ({ needed: s.setupNeeded }), "open"],
  [
    "POST",
    "/setup",
    ({ s, body, signIn }) => {
      if (body.token !== "mock-token")
        throw new Refusal(403, "setup_token_invalid", "the token is not the one that was printed");
      if (body.password.length < 12)
        throw new Refusal(422, "password_weak", "the password has fewer than 12 characters", [
          { field: "password", message: "use at least 12 characters" },
        ]);
      s.admin = { id: d.id("adm"), name: body.name, created_at: d.now() };
      s.customers = [{ id: d.id("cus"), name: body.customer_name, created_at: d.now(), version: 1 }];
      s.setupNeeded = false;
      signIn();
      return [201, { session: session(s), recovery_key: "gwr1-7KQ2-M4XT-99PL-ZB3C" }];
    },
    "open",
  ],
  [
    "POST",
    "/session",
    ({ s, body, signIn }) => {
      if (body.password !== "correct horse battery")
        throw new Refusal(401, "wrong_credentials", "the name or the password is wrong");
      signIn();
      return session(s);
    },
    "open",
  ],
  ["GET", "/session", ({ s }) => session(s)],
  ["DELETE", "/session", () => [204]],
  ["PUT", "/session/password", () => [204]],
  ["GET", "/administrators", ({ s }) => whole([s.admin])],
  ["POST", "/administrators", ({ body }) => [201, { id: d.id("adm"), name: body.name, created_at: d.now() }]],
  ["GET", "/settings", ({ s }) => s.settings],
  ["PUT", "/settings", ({ s, body }) => Object.assign(s.settings, body, { version: s.settings.version + 1 })],
  [
    "POST",
    "/settings/recovery-key/confirm",
    ({ s, body }) => {
      if (body.recovery_key !== "gwr1-7KQ2-M4XT-99PL-ZB3C")
        throw new Refusal(422, "recovery_key_wrong", "this is not the key", [
          { field: "recovery_key", message: "it differs from the key that was shown" },
        ]);
      s.settings.recovery_key_confirmed = true;
      return [204];
    },
  ],
  [
    "GET",
    "/about",
    () => ({
      version: "0.1.0",
      database: "sqlite",
      started_at: d.ago(2000),
      now: d.now(),
      certificate: {
        source: "self_signed",
        names: ["godwit.example"],
        sha256: "cd".repeat(32),
        not_after: d.ago(-500_000),
      },
    }),
  ],
  [
    "GET",
    "/audit",
    ({ s, query }) =>
      page(
        s.audit.filter((one) => has(one, query.get("q"))),
        query,
      ),
  ],
  ["GET", "/customers", ({ s }) => whole(s.customers)],
  [
    "GET",
    `${C}/dashboard`,
    ({ s }) => ({
      devices: {
        total: s.devices.length,
        trusted: 20,
        pending: 10,
        conflict: 1,
        in_batch: 12,
        running: 1,
        migrated: 2,
        back: 1,
        held: 0,
        silent: 4,
      },
      translations: counts(s.rows),
      licence_seats: 100,
      licence_used: 4,
      running: s.runs.map((r) => r.summary).filter((r) => r.state === "running"),
      recent: s.runs.map((r) => r.summary).filter((r) => r.state === "finished"),
      jobs: s.jobs.slice(0, 5),
      attention: [
        { code: "agents_waiting", text: "10 agents wait for approval", link: "/devices?trust=pending" },
        {
          code: "translations_ambiguous",
          text: "10 objects are not matched because several candidates fit",
          link: "/translations?state=ambiguous",
        },
      ],
      refusals_24h: 214,
    }),
  ],
  ["GET", `${C}/guide`, ({ s }) => guide(s)],
  [
    "PUT",
    `${C}/guide/checks/:key`,
    ({ s, params, body }) => {
      s.ticks[params.key] = body.done;
      return guide(s);
    },
  ],
];
