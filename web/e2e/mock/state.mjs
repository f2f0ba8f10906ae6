// What the made-up server remembers: empty as after installation, or filled.
import * as d from "./data.mjs";

export function emptyState() {
  return {
    setupNeeded: true,
    admin: null,
    customers: [],
    settings: {
      agent_url: "https://godwit.example/Agent",
      poll_minutes: 60,
      licence_issuers: [],
      recovery_key_confirmed: false,
      version: 1,
    },
    directories: [],
    profiles: [],
    rows: [],
    jobs: [],
    messages: {},
    schedule: { rule: { kind: "manual" }, next_start_at: null, last_cycle: null },
    runbooks: [],
    batches: [],
    lists: {},
    devices: [],
    psks: [],
    certificate: d.certificate(),
    licences: [],
    runs: [],
    logs: [],
    audit: [],
    ticks: {},
  };
}

export function filledState() {
  const s = emptyState();
  s.setupNeeded = false;
  s.admin = { id: d.id("adm"), name: "admin", created_at: d.ago(9000) };
  s.customers = ["Contoso AG", "Fabrikam GmbH & Co. KG"].map((name) => ({
    id: d.id("cus"),
    name,
    created_at: d.ago(9000),
    version: 1,
  }));
  const source = d.directory("Contoso (source)", "dc1.source.test", "source.test", 0);
  const target = d.directory("Fabrikam (target)", "dc1.target.test", "target.test", 1);
  s.directories = [source, target];
  s.settings.licence_issuers = [{ name: "Godwit sales", public_key: "gwi1.MCowBQYDK2VwAyEA5s1Yd0m3" }];
  addProfile(s, {
    name: "Contoso to Fabrikam",
    source_directory_id: source.id,
    target_directory_id: target.id,
    rules: [
      { kind: "user", source_attribute: "employeeID", target_attribute: "employeeID" },
      { kind: "group", source_attribute: "sAMAccountName", target_attribute: "sAMAccountName" },
    ],
    well_known_groups: true,
    include_disabled: false,
  });
  evaluate(s);
  s.devices = d.devices(source);
  const document = d.template();
  Object.assign(document.general, { name: "Contoso to Fabrikam", sources: [source.id], target: target.id });
  document.device_state.leave = "active_directory";
  document.device_state.join = {
    kind: "active_directory",
    organisational_unit: "OU=Workstations,DC=target,DC=test",
    reuse_existing_account: true,
    join_account: "joiner@target.test",
    offline: false,
    cache_user_credentials: false,
  };
  const book = addRunbook(s, document, true);
  s.batches.push({
    id: d.id("bat"),
    name: "Pilot: IT department",
    source_directory_id: source.id,
    target_directory_id: target.id,
    mode: "only_these",
    runbooks: [
      {
        runbook_id: book.id,
        available_from: "2026-11-20T08:00:00",
        enforced_after: "2026-11-27T18:00:00",
        zone: "local",
      },
    ],
    counts: { listed: 12, devices: 12, finished: 3 },
    version: 4,
  });
  const [batch] = s.batches;
  s.lists[batch.id] = s.devices.slice(0, 12).map((one) => one.id);
  const cycle = d.job("cycle", "", null, "succeeded", 40, { message: "2 imports, 1 profile" });
  const failed = d.job("import", target.name, target.id, "failed", 400, {
    message: "the server's certificate is not believed: unknown authority",
    errors: 1,
    warnings: 2,
  });
  const running = d.job("import", source.name, source.id, "running", 0.2, { done: 140, finished_at: null });
  s.jobs = [running, cycle, source.last_import, target.last_import, failed];
  s.schedule = { rule: { kind: "interval", minutes: 60 }, next_start_at: d.ago(-20), last_cycle: cycle };
  s.licences = [d.licence(4)];
  s.psks = [
    { name: "Pilot devices", policy: "approve", revoked_at: null, enrolled: 11 },
    { name: "Old test key", policy: "first_claim", revoked_at: d.ago(1000), enrolled: 2 },
  ].map((one) => ({ id: d.id("psk"), created_at: d.ago(4000), expires_at: null, ...one }));
  s.runs = [
    d.run(s.devices[0], book, batch, 6, 2),
    d.run(s.devices[3], book, batch, d.STEP_COUNT, 120),
    d.run(s.devices[6], book, batch, d.STEP_COUNT, 300),
  ];
  const held = d.run(s.devices[9], book, batch, 4, 900);
  Object.assign(held.summary, {
    state: "finished",
    result: "returned",
    step: null,
    finished_at: d.ago(890),
    reason: "target.test refused the computer account: it exists and may not be reused",
  });
  held.steps[4] = { ...held.steps[4], state: "failed", detail: held.summary.reason };
  s.runs.push(held);
  for (const one of s.runs) addLogs(s, one);
  s.audit = [
    ["runbook.save", "saved version 3 of runbook Contoso to Fabrikam", "admin", 1],
    ["agent.refused", "pre-shared key unknown", "agent", 214],
    ["licence.add", "added a licence for 100 devices, source.test to target.test", "admin", 1],
    ["session.refused", "wrong name or password", "system", 3],
  ].map(([action, detail, actor, count], n) => ({
    id: d.id("aud"),
    at: d.ago(n * 50 + 9),
    last_at: d.ago(n * 50),
    actor,
    action,
    customer_id: null,
    object: null,
    detail,
    source: actor === "system" ? null : "10.97.0.21",
    count,
  }));
  s.ticks = { target_ready: true, connectivity: true };
  return s;
}

export function addProfile(s, input) {
  const profile = {
    id: d.id("prf"),
    ...input,
    counts: { matched: 0, unmatched: 0, ambiguous: 0 },
    synced_at: null,
    version: 1,
  };
  s.profiles.push(profile);
  return profile;
}

/** Evaluates the first profile. */
export function evaluate(s) {
  const [profile] = s.profiles;
  if (!profile) return;
  const of = (wanted) => s.directories.find((one) => one.id === wanted);
  s.rows = d.rows(of(profile.source_directory_id), of(profile.target_directory_id), profile.id);
  profile.counts = counts(s.rows);
  profile.synced_at = d.now();
}

export function counts(rows) {
  const of = (state) => rows.filter((row) => row.state === state).length;
  return { matched: of("matched"), unmatched: of("unmatched"), ambiguous: of("ambiguous") };
}

export function addRunbook(s, document, password) {
  const book = {
    id: d.id("rbk"),
    name: document.general.name,
    version: 1,
    document,
    join: password,
    back: password,
    saved_at: d.now(),
  };
  s.runbooks.push(book);
  return book;
}

export function addLogs(s, run) {
  for (const [n, step] of run.steps.entries()) {
    if (step.state === "pending") continue;
    s.logs.unshift({
      seq: s.logs.length + 1,
      at: step.started_at,
      device_id: run.summary.device_id,
      device_name: run.summary.device_name,
      run_id: run.summary.id,
      severity: step.state === "failed" ? "error" : n === 2 ? "warning" : "info",
      code: 1100 + n,
      text: step.detail || `${step.name.replaceAll("_", " ")} begins`,
    });
  }
}
