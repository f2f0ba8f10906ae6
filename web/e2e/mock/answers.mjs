// Answers of the made-up server, one line per route where that suffices.
import * as d from "./data.mjs";
import { guide } from "./guide.mjs";
import { addProfile, addRunbook, counts, evaluate } from "./state.mjs";
import { advance, startRun } from "./story.mjs";

export class Refusal extends Error {
  constructor(status, code, detail, errors = []) {
    super(detail);
    Object.assign(this, { status, code, errors });
  }
}
const missing = () => new Refusal(404, "not_found", "there is no such thing");
const find = (list, id) => {
  const found = list.find((one) => one.id === id);
  if (!found) throw missing();
  return found;
};
const whole = (items) => ({ items, total: items.length });
const has = (text, q) => !q || JSON.stringify(text).toLowerCase().includes(q.toLowerCase());
function page(items, query) {
  const limit = Number(query.get("limit") ?? 100);
  const from = Number(query.get("cursor") ?? 0);
  const next = from + limit < items.length ? String(from + limit) : undefined;
  return { items: items.slice(from, from + limit), next_cursor: next, total: items.length };
}
const C = "/customers/:customer";
const summary = (s, b) => ({
  id: b.id,
  name: b.name,
  source_directory_ids: b.document.general.sources,
  target_directory_id: b.document.general.target,
  version: b.version,
  changed_at: b.saved_at,
  batches: s.batches.filter((one) => one.runbooks.some((r) => r.runbook_id === b.id)).length,
  finished: s.runs.filter((one) => one.summary.result === "migrated").length,
});
const book = (b) => ({
  id: b.id,
  name: b.name,
  version: b.version,
  newest_version: b.version,
  saved_at: b.saved_at,
  saved_by: "admin",
  batches: 1,
  hash: "ab".repeat(32),
  document: b.document,
  join_password_set: Boolean(b.join),
  return_password_set: Boolean(b.back),
});
const session = (s) => ({
  admin_id: s.admin.id,
  name: s.admin.name,
  expires_at: d.ago(-600),
  customers: s.customers.map(({ id, name }) => ({ id, name })),
});
const facts = (name, serial) => ({
  computer_name: name,
  domain: "source.test",
  machine_sid: "S-1-5-21-1004336348-1177238915-682003330-2101",
  os: "Windows 11 Pro",
  os_build: 26100,
  is_server: false,
  serial: serial ?? "5CG14T0",
  smbios_uuid: "4c4c4544-0047-3510-8052-b4c04f4d3732",
  disk_serial: "S6P7NX0T",
  utc_offset_minutes: 60,
  agent_version: "0.1.0",
});
const agent = (device, holds, trust) => ({
  id: d.id("agt"),
  trust,
  holds_device: holds,
  key_id: "7f".repeat(16),
  policy: "approve",
  facts: facts(device.name, holds ? device.serial : "VMWARE-56-4D"),
  enrolled_at: d.ago(700),
  decided_at: trust === "trusted" ? d.ago(690) : null,
  decided_by: trust === "trusted" ? "admin" : null,
  last_seen_at: device.last_seen_at,
});
function device(s, one) {
  const batch = s.batches.find((b) => s.lists[b.id]?.includes(one.id));
  const agents = one.trust === "no_agent" ? [] : [agent(one, true, one.trust)];
  if (one.trust === "conflict") agents.push(agent(one, false, "conflict"));
  return {
    summary: one,
    computers: [
      {
        directory_id: s.directories[0].id,
        guid: "8e2b5ad0-63f5-4b7a-9a0e-5f1b0d0c1e11",
        object_id: null,
        sid: "S-1-5-21-1004336348-1177238915-682003330-2101",
        since: d.ago(9000),
        until: null,
      },
    ],
    agents,
    batch: batch ? { id: batch.id, name: batch.name, listed: true } : null,
    eligibility: batch
      ? s.runbooks.map((b) => ({
          runbook_id: b.id,
          runbook_name: b.name,
          decision: one.trust === "trusted" ? "prompt" : "refuse",
          code: one.trust === "trusted" ? "available" : "agent_not_trusted",
          because:
            one.trust === "trusted"
              ? "available since 2026-11-20 08:00, enforced after 2026-11-27 18:00"
              : "its agent is not trusted yet; approve it, or install one",
        }))
      : [],
    runs: s.runs.filter((run) => run.summary.device_id === one.id).map((run) => run.summary),
    incarnation: 1,
  };
}
const report = (s, object) => ({
  object,
  guid: "5d1f7f3e-2f35-4b55-92b4-0e2ff0b0f2a1",
  distinguished_name: `CN=${object.name.replaceAll(",", "\\,")},${object.container}`,
  sid_history: [],
  attributes: {
    employeeID: ["E1042"],
    mail: [object.principal ?? ""],
    title: ["Engineer"],
    department: ["IT"],
  },
  enabled: true,
  explanations: s.rows.filter((row) => row.source.id === object.id).map((row) => explain(s, row)),
  device_id: null,
  batch: null,
  runs: [],
});
function explain(s, row) {
  const candidates = s.rows.filter((one) => one.target).slice(0, row.state === "ambiguous" ? 2 : 1);
  const last = {
    matched: `Exactly one user of the target has that value: ${row.target?.name}.`,
    unmatched: "No user of the target has that value. It gets a fresh profile there.",
    ambiguous: "Two users of the target have that value. It is left out until one of them is changed.",
  };
  return {
    row,
    code: row.state,
    sentences: [
      "The rule for users compares employeeID with employeeID.",
      "Its employeeID is E1042.",
      last[row.state],
    ],
    candidate_ids: row.state === "unmatched" ? [] : candidates.map((one) => one.target.id),
  };
}
const objects = (s) => s.rows.flatMap((row) => (row.target ? [row.source, row.target] : [row.source]));
function importOf(s, one) {
  const job = d.job("import", one.name, one.id, "succeeded", 0);
  one.counts = { users: 300, groups: 40, computers: 60 };
  Object.assign(one, { last_import: job, imported_at: d.now() });
  s.jobs.unshift(job);
  if (s.devices.length === 0) {
    s.devices = d.devices(one);
    for (const it of s.devices) it.trust = "no_agent";
  }
  return job;
}
const saveList = (s, params, ids) => {
  const batch = find(s.batches, params.batch);
  s.lists[batch.id] ??= [];
  const list = s.lists[batch.id];
  const fresh = ids.filter((one) => !list.includes(one));
  list.push(...fresh);
  batch.counts = { listed: list.length, devices: list.length, finished: batch.counts.finished };
  return { batch, added: fresh.length };
};
const listed = (s, id) =>
  (s.lists[id] ?? [])
    .map((one) => find(s.devices, one))
    .map((one) => ({
      device_id: one.id,
      name: one.name,
      serial: one.serial,
      trusted: one.trust === "trusted",
    }));

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
  ["GET", `${C}/directories`, ({ s }) => whole(s.directories)],
  [
    "POST",
    `${C}/directories`,
    ({ s, body }) => {
      const made = {
        ...d.directory(body.name, body.connection.host, body.connection.host.replace(/^[^.]+\./, ""), 0),
        connection: body.connection,
        counts: { users: 0, groups: 0, computers: 0 },
        imported_at: null,
        last_import: null,
        version: s.directories.length + 1,
      };
      s.directories.push(made);
      return [201, made];
    },
  ],
  [
    "POST",
    `${C}/directories/test-connection`,
    ({ body }) => {
      const bad = body.connection.host.includes("wrong");
      const words = [
        "dc1 has the address 10.97.0.11",
        "port 636 answers",
        bad
          ? "the certificate was issued by an unknown authority; paste its certificate"
          : "the certificate is believed",
        "the password is accepted",
        "DC=source,DC=test exists",
        "users, groups and computers can be read",
      ];
      return {
        ok: !bad,
        domain: bad ? null : "source.test",
        checks: ["name", "port", "tls", "credentials", "base_dn", "rights"].map((name, n) => ({
          name,
          outcome: !bad || n < 2 ? "ok" : n === 2 ? "failed" : "not_run",
          code: bad && n === 2 ? "certificate_unknown" : null,
          message: !bad || n < 3 ? words[n] : "",
        })),
      };
    },
  ],
  ["GET", `${C}/directories/:directory`, ({ s, params }) => find(s.directories, params.directory)],
  [
    "PUT",
    `${C}/directories/:directory`,
    ({ s, params, body }) => {
      const one = find(s.directories, params.directory);
      return Object.assign(one, { name: body.name, connection: body.connection, version: one.version + 1 });
    },
  ],
  [
    "POST",
    `${C}/directories/:directory/import`,
    ({ s, params }) => [202, importOf(s, find(s.directories, params.directory))],
  ],
  ["GET", `${C}/sync-profiles`, ({ s }) => whole(s.profiles)],
  ["POST", `${C}/sync-profiles`, ({ s, body }) => [201, addProfile(s, body)]],
  ["GET", `${C}/sync-profiles/:profile`, ({ s, params }) => find(s.profiles, params.profile)],
  ["GET", `${C}/schedule`, ({ s }) => s.schedule],
  ["PUT", `${C}/schedule`, ({ s, body }) => Object.assign(s.schedule, body)],
  [
    "POST",
    `${C}/schedule/start`,
    ({ s }) => {
      for (const one of s.directories) importOf(s, one);
      evaluate(s);
      const cycle = d.job("cycle", "", null, "succeeded", 0, { message: "2 imports, 1 profile" });
      s.jobs.unshift(cycle);
      return [202, cycle];
    },
  ],
  ["GET", `${C}/jobs`, ({ s, query }) => page(s.jobs, query)],
  ["GET", `${C}/jobs/:job`, ({ s, params }) => find(s.jobs, params.job)],
  [
    "GET",
    `${C}/jobs/:job/children`,
    ({ s, params }) =>
      whole(
        find(s.jobs, params.job).kind === "cycle"
          ? s.jobs.filter((one) => one.kind === "import").slice(0, 2)
          : [],
      ),
  ],
  [
    "GET",
    `${C}/jobs/:job/messages`,
    ({ query }) =>
      page(
        Array.from({ length: 12 }, (_, n) => ({
          seq: n + 1,
          at: d.ago(40 - n),
          severity: n === 4 ? "warning" : "info",
          text: n === 4 ? "user CN=Müller\\, Anna has no employeeID" : `read ${n * 50} objects`,
        })),
        query,
      ),
  ],
  [
    "GET",
    `${C}/translations`,
    ({ s, query }) =>
      page(
        s.rows.filter(
          (row) =>
            has([row.source, row.target], query.get("q")) &&
            (!query.get("state") || row.state === query.get("state")) &&
            (!query.get("kind") || row.source.kind === query.get("kind")),
        ),
        query,
      ),
  ],
  ["GET", `${C}/translations/counts`, ({ s }) => counts(s.rows)],
  [
    "GET",
    `${C}/translations/:object/explanation`,
    ({ s, params }) =>
      explain(
        s,
        s.rows.find((row) => row.source.id === params.object),
      ),
  ],
  [
    "GET",
    `${C}/objects`,
    ({ s, query }) =>
      page(
        objects(s).filter(
          (one) => has(one, query.get("q")) && one.directory_id === query.get("directory_id"),
        ),
        query,
      ),
  ],
  ["GET", `${C}/objects/:object`, ({ s, params }) => report(s, find(objects(s), params.object))],
  ["GET", "/runbook-template", () => ({ document: d.template() })],
  ["GET", `${C}/runbooks`, ({ s }) => whole(s.runbooks.map((b) => summary(s, b)))],
  [
    "POST",
    `${C}/runbooks`,
    ({ s, body }) => {
      checkBook(body);
      return [201, book(addRunbook(s, body.document, body.join_password))];
    },
  ],
  ["GET", `${C}/runbooks/:runbook`, ({ s, params }) => book(find(s.runbooks, params.runbook))],
  [
    "PUT",
    `${C}/runbooks/:runbook`,
    ({ s, params, body }) => {
      checkBook(body);
      const b = find(s.runbooks, params.runbook);
      return book(
        Object.assign(b, {
          document: body.document,
          name: body.document.general.name,
          version: b.version + 1,
        }),
      );
    },
  ],
  [
    "GET",
    `${C}/runbooks/:runbook/versions`,
    ({ s, params }) => {
      const b = find(s.runbooks, params.runbook);
      return whole(
        Array.from({ length: b.version }, (_, n) => ({
          version: b.version - n,
          saved_at: d.ago(n * 600),
          saved_by: "admin",
          hash: "ab".repeat(32),
        })),
      );
    },
  ],
  ["GET", `${C}/batches`, ({ s }) => whole(s.batches)],
  [
    "POST",
    `${C}/batches`,
    ({ s, body }) => {
      const made = { id: d.id("bat"), ...body, counts: { listed: 0, devices: 0, finished: 0 }, version: 1 };
      s.batches.push(made);
      return [201, made];
    },
  ],
  ["GET", `${C}/batches/:batch`, ({ s, params }) => find(s.batches, params.batch)],
  [
    "PUT",
    `${C}/batches/:batch`,
    ({ s, params, body }) => {
      const one = find(s.batches, params.batch);
      return Object.assign(one, body, { version: one.version + 1 });
    },
  ],
  [
    "GET",
    `${C}/batches/:batch/devices`,
    ({ s, params, query }) =>
      page(
        listed(s, params.batch).filter((one) => has(one.name, query.get("q"))),
        query,
      ),
  ],
  [
    "GET",
    `${C}/batches/:batch/members`,
    ({ s, params, query }) =>
      page(
        listed(s, params.batch).filter((one) => has(one.name, query.get("q"))),
        query,
      ),
  ],
  [
    "POST",
    `${C}/batches/:batch/devices`,
    ({ s, params, body }) => {
      const done = saveList(s, params, body.device_ids).batch;
      startRun(s, done, body.device_ids[0]);
      return done;
    },
  ],
  [
    "DELETE",
    `${C}/batches/:batch/devices/:device`,
    ({ s, params }) => {
      s.lists[params.batch] = s.lists[params.batch].filter((one) => one !== params.device);
      return [204];
    },
  ],
  [
    "POST",
    `${C}/batches/:batch/devices/import`,
    ({ s, params, text }) => {
      const lines = text
        .split(/\r?\n/)
        .map((line) => line.split(",")[0].trim())
        .filter(Boolean)
        .filter((line) => line !== "computer");
      const errors = lines.flatMap((value, n) =>
        s.devices.some((one) => one.name === value)
          ? []
          : [
              {
                line: n + 2,
                value,
                code: "unknown_device",
                message: `no imported computer is called ${value}; import its directory, or mend the line`,
              },
            ],
      );
      if (errors.length > 0) return [422, { ok: false, lines: lines.length, added: 0, unchanged: 0, errors }];
      const { added } = saveList(
        s,
        params,
        lines.map((value) => s.devices.find((one) => one.name === value).id),
      );
      return { ok: true, lines: lines.length, added, unchanged: lines.length - added, errors: [] };
    },
  ],
  [
    "GET",
    `${C}/devices`,
    ({ s, query }) =>
      page(
        s.devices.filter(
          (one) =>
            has([one.name, one.serial], query.get("q")) &&
            (!query.get("trust") || one.trust === query.get("trust")),
        ),
        query,
      ),
  ],
  [
    "POST",
    `${C}/devices/approve`,
    ({ s, body }) => {
      for (const one of body.device_ids) find(s.devices, one).trust = "trusted";
      return { approved: body.device_ids.length, refused: [] };
    },
  ],
  ["POST", `${C}/devices/approve/import`, () => ({ ok: true, lines: 1, added: 1, unchanged: 0, errors: [] })],
  ["GET", `${C}/devices/:device`, ({ s, params }) => device(s, find(s.devices, params.device))],
  ["GET", `${C}/psks`, ({ s }) => whole(s.psks)],
  [
    "POST",
    `${C}/psks`,
    ({ s, body }) => {
      const psk = { id: d.id("psk"), ...body, created_at: d.now(), revoked_at: null, enrolled: 0 };
      s.psks.push(psk);
      return [
        201,
        {
          psk,
          text: "gwp1.mock0mock0mock0mock0.mock1mock1mock1",
          install_command:
            "msiexec /i godwit-agent.msi /qn URL=https://godwit.example/Agent PSK=gwp1.mock0mock0mock0mock0.mock1mock1mock1",
        },
      ];
    },
  ],
  ["GET", `${C}/agent-certificate`, ({ s }) => s.certificate],
  ["GET", `${C}/licences`, ({ s }) => whole(s.licences)],
  [
    "POST",
    `${C}/licences`,
    ({ s }) => {
      const made = d.licence(0);
      s.licences.push(made);
      return [201, made];
    },
  ],
  [
    "POST",
    `${C}/licences/check`,
    ({ s, body }) =>
      s.settings.licence_issuers.length > 0 && body.licence.startsWith("gwl1")
        ? {
            ok: true,
            terms: d.licence(0).terms,
            code: null,
            message: "100 devices from source.test to target.test",
          }
        : {
            ok: false,
            terms: null,
            code: "issuer_unknown",
            message: "its issuer is not believed here; add the issuer's public key on the page Settings",
          },
  ],
  [
    "GET",
    `${C}/licences/:licence/seats`,
    ({ s }) =>
      whole(
        s.devices
          .slice(0, 4)
          .map((one) => ({ device_id: one.id, name: one.name, at: d.ago(100), used: true })),
      ),
  ],
  [
    "GET",
    `${C}/runs`,
    ({ s, query }) => {
      advance(s);
      return page(
        s.runs
          .map((one) => one.summary)
          .filter(
            (one) =>
              has(one.device_name, query.get("q")) &&
              (!query.get("state") || one.state === query.get("state")) &&
              (!query.get("result") || one.result === query.get("result")),
          ),
        query,
      );
    },
  ],
  [
    "GET",
    `${C}/runs/:run`,
    ({ s, params }) => {
      advance(s);
      const found = s.runs.find((one) => one.summary.id === params.run);
      if (!found) throw missing();
      return found;
    },
  ],
  [
    "GET",
    `${C}/agent-logs`,
    ({ s, query }) =>
      page(
        s.logs.filter(
          (one) =>
            has(one.text, query.get("q")) &&
            (!query.get("run_id") || one.run_id === query.get("run_id")) &&
            (!query.get("severity") || one.severity !== "info"),
        ),
        query,
      ),
  ],
];

function checkBook(body) {
  const errors = [];
  if (!body.document.general.name.trim())
    errors.push({ field: "document.general.name", message: "give the runbook a name" });
  if (
    body.document.device_state.join.kind === "active_directory" &&
    !body.document.device_state.join.join_account
  )
    errors.push({
      field: "document.device_state.join.join_account",
      message: "name the account that creates or resets the computer account in the target",
    });
  body.document.permission_updates.ignored.forEach((path, n) => {
    if (!path.trim())
      errors.push({ field: `document.permission_updates.ignored[${n}]`, message: "remove the empty line" });
  });
  if (errors.length > 0)
    throw new Refusal(422, "document_refused", errors.map((one) => one.message).join("; "), errors);
}
