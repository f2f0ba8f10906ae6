// A made-up server's contents, for working on the console without a server.
const HEX = "0123456789abcdef";
let counter = 1;
export const id = (prefix) => {
  counter += 1;
  return `${prefix}_${counter.toString(16).padStart(32, "0")}`;
};
const hash = (seed) =>
  Array.from({ length: 64 }, (_, n) => HEX[(seed * 7 + n * 11 + n * seed) % 16]).join("");
export const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();
export const now = () => new Date().toISOString();

const PEOPLE = [
  "Anna Müller",
  "O'Brien, Siobhán",
  'Kowalska "Kasia" Katarzyna',
  "山田 太郎",
  "Γιώργος Παπαδόπουλος",
  "Jean-Luc Désiré van der Hooghe-Wittelsbach",
  "Иван Петров",
  "Smith, John",
];

export function job(kind, name, subject, state, minutes, extra = {}) {
  return {
    id: id("job"),
    parent_id: null,
    kind,
    subject_id: subject,
    subject_name: name,
    state,
    done: 412,
    total: 412,
    message: state === "succeeded" ? "300 users, 40 groups, 60 computers read in 2 s" : "at work",
    warnings: 0,
    errors: 0,
    created_at: ago(minutes),
    started_at: ago(minutes),
    finished_at: state === "running" ? null : ago(minutes - 0.1),
    ...extra,
  };
}

export function directory(name, host, domain, n) {
  const own = id("dir");
  const last = job("import", name, own, "succeeded", 90 - n);
  return {
    id: own,
    name,
    connection: {
      kind: "active_directory",
      host,
      address: null,
      port: 636,
      transport: "ldaps",
      trust: { kind: "ca", pem: "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n" },
      account: `reader@${domain}`,
      base_dn: "",
      extra_attributes: [],
    },
    domain,
    password_set: true,
    counts: { users: 300 + n * 4, groups: 40, computers: 60 },
    imported_at: last.finished_at,
    last_import: last,
    version: 1,
  };
}

export function object(directory, kind, name, n) {
  const account = kind === "computer" ? `${name}$` : `user${n}`;
  return {
    id: id("obj"),
    directory_id: directory.id,
    kind,
    name,
    account_name: account,
    principal: kind === "user" ? `${account}@${directory.domain}` : null,
    container: `OU=Staff,DC=${directory.domain.replace(".", ",DC=")}`,
    sid: `S-1-5-21-1004336348-1177238915-68200333${directory.version}-${1100 + n}`,
  };
}

export function rows(source, target, profile) {
  const all = [];
  for (let n = 0; n < 240; n += 1) {
    const name = `${PEOPLE[n % PEOPLE.length]} ${n + 1}`;
    const state = n % 23 === 5 ? "ambiguous" : n % 11 === 3 ? "unmatched" : "matched";
    all.push({
      source: object(source, n % 9 === 8 ? "group" : "user", name, n),
      target: state === "matched" ? object(target, n % 9 === 8 ? "group" : "user", name, n + 400) : null,
      profile_id: profile,
      state,
    });
  }
  return all;
}

const TRUSTS = ["trusted", "no_agent", "pending", "trusted", "conflict", "revoked"];
export function devices(source) {
  return Array.from({ length: 60 }, (_, n) => ({
    id: id("dev"),
    name: `PC-${String(n + 1).padStart(3, "0")}`,
    directory_id: source.id,
    trust: TRUSTS[n % TRUSTS.length],
    serial: n % TRUSTS.length === 1 ? null : `5CG${(104730 + n * 37).toString(36).toUpperCase()}`,
    os: n % TRUSTS.length === 1 ? null : "Windows 11 Pro",
    agent_version: n % TRUSTS.length === 1 ? null : "0.1.0",
    last_seen_at: n % TRUSTS.length === 1 ? null : ago(n * 9),
  }));
}

const STEPS = [
  ["preflight", "23 checks passed"],
  ["stage", "14 pairs, 4 profiles, machine secret received"],
  ["guards_up", "4 users cannot sign in"],
  ["leave", "left source.test"],
  ["join", "joined target.test; the device signed in as itself"],
  ["profiles", "3 profiles bound to their target users"],
  ["files", "21,404 descriptors looked at, 203 distinct, 9,210 objects changed"],
  ["user_hives", "3 hives, 182 security cells"],
  ["machine_hives", "SYSTEM, SOFTWARE, SAM"],
  ["local_groups", "Administrators: 1 member"],
  ["verify", "read back: 0 source SIDs left in mapped profiles"],
  ["guards_down", ""],
  ["clean_up", ""],
];

/** A run that has got so many steps far. */
export function run(device, runbook, batch, far, minutes) {
  const finished = far >= STEPS.length;
  const steps = STEPS.map(([name, detail], at) => ({
    name,
    state: at < far ? "done" : at === far ? "running" : "pending",
    detail: at < far ? detail : "",
    done: at === far ? 9210 : 0,
    total: at === far ? 21404 : 0,
    started_at: at <= far ? ago(minutes - at * 0.2) : null,
    finished_at: at < far ? ago(minutes - at * 0.2 - 0.15) : null,
  }));
  const user = (name, n, result, extra = {}) => ({
    user: name,
    source_sid: `S-1-5-21-1004336348-1177238915-682003330-${1100 + n}`,
    target_sid: result === "unmapped" ? null : `S-1-5-21-2004336348-2177238915-782003330-${2100 + n}`,
    result,
    files_seen: 5200 + n * 31,
    files_changed: result === "unmapped" ? 0 : 5187 + n * 30,
    keys_changed: result === "unmapped" ? 0 : 61,
    leftover_source_sids: 0,
    detail: null,
    ...extra,
  });
  return {
    summary: {
      id: id("run"),
      kind: "run",
      device_id: device.id,
      device_name: device.name,
      runbook_id: runbook.id,
      runbook_name: runbook.name,
      runbook_version: runbook.version,
      batch_id: batch?.id ?? null,
      state: finished ? "finished" : "running",
      result: finished ? "migrated" : null,
      reason: "",
      step: finished ? null : STEPS[far]?.[0],
      done: finished ? 0 : 9210,
      total: finished ? 0 : 21404,
      reboots: finished ? 2 : 1,
      ordered_at: ago(minutes + 1),
      started_at: ago(minutes),
      finished_at: finished ? ago(minutes - 3) : null,
    },
    steps,
    users: [
      user("anna.mueller", 1, "migrated"),
      user("jsmith", 2, "migrated"),
      user("山田", 3, "migrated"),
      user("contractor", 4, "unmapped", {
        detail: "not in the Translation Table; the profile was left alone",
      }),
    ],
  };
}
export const STEP_COUNT = STEPS.length;

export function template() {
  return {
    version: 1,
    general: {
      name: "",
      description: "",
      sources: [],
      target: `dir_${"0".repeat(32)}`,
      allow_server_os: false,
      prerequisites: [],
    },
    startup: {
      interaction: "full",
      in_progress_image: null,
      set_in_progress_image: true,
      set_legal_notice: true,
      prevent_login: true,
      fallback_administrator: { name: "GodwitFallback", remove_after_days: 5 },
      pre_script: null,
    },
    user_experience: { company_name: "", logo: null, support_contact: "", instructions: "", texts: {} },
    device_state: {
      leave: "none",
      join: { kind: "none" },
      rename: null,
      way_back: { return_account: "", forward_only: false, time_budget_minutes: 120 },
    },
    permission_updates: {
      mode: "replace",
      areas: [
        "profiles",
        "file_system",
        "registry",
        "printers",
        "services",
        "scheduled_tasks",
        "local_groups",
        "user_rights",
        "shares",
        "sql_server",
        "iis",
      ],
      ignored: ["%SystemRoot%", "%ProgramFiles%", "%ProgramFiles(x86)%", "*:\\System Volume Information"],
      remote: [],
      whole_table: false,
    },
    app_reconfiguration: {
      office: { reset: false },
      outlook: { reset: false, zero_config_exchange: false },
      teams: { reset: false },
      onedrive: {
        source_tenants: [],
        silent_account_config: false,
        make_files_cloud_only: false,
        wait_for_sync: false,
      },
      reset_edge: false,
      aip_hosts: [],
      set_proxy_auto_detect: false,
    },
    completion: { packages: [], uninstall_agent: false },
  };
}

export function certificate() {
  const key = (n, revoked) => ({
    key_id: hash(n),
    algorithm: "ed25519",
    not_before: ago(90_000 - n * 1000),
    not_after: new Date(Date.now() + 3e10).toISOString(),
    revoked_at: revoked,
  });
  return {
    root_id: hash(3),
    root_public_key: "MCowBQYDK2VwAyEAp1vFqUe5mFQv2P5w1x6S0b0o1c2k3l4m5n6o7p8q9r0=",
    created_at: ago(90_000),
    epoch: 2,
    signing_keys: [key(1, ago(5000)), key(2, null)],
  };
}

export function licence(used) {
  return {
    id: id("lic"),
    terms: {
      product: "migration_agent",
      licensee: "Contoso AG",
      issuer: hash(9).slice(0, 16),
      devices: 100,
      source: "source.test",
      target: "target.test",
      trial: true,
      not_before: ago(5000),
      not_after: new Date(Date.now() + 8e9).toISOString(),
    },
    used,
    state: "valid",
    added_at: ago(300),
  };
}
