// Answers about directories, matching and jobs.
import { C, find, has, page, whole } from "./base.mjs";
import * as d from "./data.mjs";
import { addProfile, counts, evaluate } from "./state.mjs";

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

export const ROUTES = [
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
];
