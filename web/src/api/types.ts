// Names for the shapes of the admin API.
// INVARIANT: nothing here is written by hand that `schema.generated.ts` knows.
export type Id = string;
export type Time = string;

export type Page<T> = { items: T[]; next_cursor?: string | null; total?: number | null };
export type FieldError = { field: string; message: string };
export type Problem = {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  request_id: string;
  errors?: FieldError[];
};

export type CustomerRef = { id: Id; name: string };
export type Session = { admin_id: Id; name: string; expires_at: Time; customers: CustomerRef[] };
export type SetupDone = { session: Session; recovery_key: string };
export type Administrator = { id: Id; name: string; created_at: Time };
export type LicenceIssuer = { name: string; public_key: string };
export type Settings = {
  agent_url: string;
  poll_minutes: number;
  licence_issuers: LicenceIssuer[];
  recovery_key_confirmed: boolean;
  version: number;
};
export type About = {
  version: string;
  database: string;
  started_at: Time;
  now: Time;
  certificate: { source: string; names: string[]; sha256: string; not_after: Time };
};
export type AuditEntry = {
  id: Id;
  at: Time;
  last_at: Time;
  actor: string;
  action: string;
  customer_id?: Id | null;
  object?: string | null;
  detail: string;
  source?: string | null;
  count: number;
};
export type Customer = { id: Id; name: string; created_at: Time; version: number };

export type JobKind = "cycle" | "import" | "sync";
export type JobState = "queued" | "running" | "succeeded" | "failed" | "cancelled";
export type Job = {
  id: Id;
  parent_id?: Id | null;
  kind: JobKind;
  subject_id?: string | null;
  subject_name: string;
  state: JobState;
  done: number;
  total?: number | null;
  message: string;
  warnings: number;
  errors: number;
  created_at: Time;
  started_at?: Time | null;
  finished_at?: Time | null;
};
export type Severity = "info" | "warning" | "error";
export type Message = { seq: number; at: Time; severity: Severity; text: string };
export type ScheduleRule = { kind: "manual" } | { kind: "interval"; minutes: number };
export type Schedule = { rule: ScheduleRule; next_start_at?: Time | null; last_cycle?: Job | null };

export type CertificateTrust =
  | { kind: "system" }
  | { kind: "ca"; pem: string }
  | { kind: "pin"; sha256: string };
export type Connection = {
  kind: "active_directory";
  host: string;
  address?: string | null;
  port: number;
  transport: "ldaps" | "start_tls";
  trust: CertificateTrust;
  account: string;
  base_dn?: string;
  extra_attributes?: string[];
};
export type Directory = {
  id: Id;
  name: string;
  connection: Connection;
  domain: string;
  password_set: boolean;
  counts: { users: number; groups: number; computers: number };
  imported_at?: Time | null;
  last_import?: Job | null;
  version: number;
};
export type DirectoryInput = { name: string; connection: Connection; password?: string | null };
export type CheckName = "name" | "port" | "tls" | "credentials" | "base_dn" | "rights";
export type ConnectionCheck = {
  name: CheckName;
  outcome: "ok" | "failed" | "not_run";
  code?: string | null;
  message: string;
};
export type ConnectionTest = { ok: boolean; checks: ConnectionCheck[]; domain?: string | null };

export type ObjectKind = "user" | "group" | "computer";
export type MatchRule = { kind: ObjectKind; source_attribute: string; target_attribute: string };
export type TranslationCounts = { matched: number; unmatched: number; ambiguous: number };
export type SyncProfile = {
  id: Id;
  name: string;
  source_directory_id: Id;
  target_directory_id: Id;
  rules: MatchRule[];
  well_known_groups: boolean;
  include_disabled: boolean;
  counts: TranslationCounts;
  synced_at?: Time | null;
  version: number;
};
export type SyncProfileInput = Omit<SyncProfile, "id" | "counts" | "synced_at" | "version">;
export type ObjectRef = {
  id: Id;
  directory_id: Id;
  kind: ObjectKind;
  name: string;
  account_name: string;
  principal?: string | null;
  container: string;
  sid?: string | null;
};
export type TranslationState = "matched" | "unmatched" | "ambiguous";
export type TranslationRow = {
  source: ObjectRef;
  target?: ObjectRef | null;
  profile_id: Id;
  state: TranslationState;
};
export type Explanation = { row: TranslationRow; sentences: string[]; candidates: ObjectRef[] };
export type ObjectReport = {
  object: ObjectRef;
  guid: string;
  distinguished_name: string;
  sid_history: string[];
  attributes: Record<string, string[]>;
  enabled: boolean;
  explanations: Explanation[];
  device_id?: Id | null;
};

export type RunbookSummary = {
  id: Id;
  name: string;
  source_directory_ids: Id[];
  target_directory_id: Id;
  version: number;
  changed_at: Time;
  batches: number;
};
export type Runbook = {
  summary: RunbookSummary;
  version: number;
  hash: string;
  document: unknown;
  join_password_set: boolean;
  return_password_set: boolean;
};
export type RunbookInput = {
  document: Record<string, never>;
  join_password?: string | null;
  return_password?: string | null;
};
export type RunbookVersion = { version: number; saved_at: Time; saved_by: string; hash: string };

export type BatchMode = "only_these" | "all_except";
export type BatchZone = "local" | "utc";
export type BatchRunbook = {
  runbook_id: Id;
  available_from: string;
  enforced_after?: string | null;
  zone: BatchZone;
};
export type Batch = {
  id: Id;
  name: string;
  source_directory_id: Id;
  target_directory_id: Id;
  mode: BatchMode;
  runbooks: BatchRunbook[];
  counts: { listed: number; devices: number; finished: number };
  version: number;
};
export type BatchInput = Omit<Batch, "id" | "counts" | "version">;
export type BatchDevice = { device_id: Id; name: string; serial?: string | null; trusted: boolean };
export type IfElsewhere = "refuse" | "move";
export type CsvLineError = { line: number; value: string; code: string; message: string };
export type CsvImport = {
  ok: boolean;
  lines: number;
  added: number;
  unchanged: number;
  errors: CsvLineError[];
};

export type TrustState = "no_agent" | "pending" | "trusted" | "conflict" | "revoked";
export type DeviceSummary = {
  id: Id;
  name: string;
  directory_id?: Id | null;
  trust: TrustState;
  serial?: string | null;
  os?: string | null;
  agent_version?: string | null;
  last_seen_at?: Time | null;
};
export type DeviceFacts = {
  computer_name: string;
  domain?: string | null;
  machine_sid?: string | null;
  os: string;
  os_build: number;
  is_server: boolean;
  serial: string;
  smbios_uuid?: string | null;
  disk_serial?: string | null;
  utc_offset_minutes: number;
  agent_version: string;
};
export type Agent = {
  id: Id;
  trust: TrustState;
  holds_device: boolean;
  key_id: string;
  policy: PskPolicy;
  facts: DeviceFacts;
  enrolled_at: Time;
  decided_at?: Time | null;
  decided_by?: string | null;
  last_seen_at?: Time | null;
};
export type DeviceComputer = {
  directory_id: Id;
  guid: string;
  object_id?: Id | null;
  sid?: string | null;
  since: Time;
  until?: Time | null;
};
export type EligibilityDecision = "run" | "prompt" | "wait" | "refuse";
export type Eligibility = {
  runbook_id: Id;
  runbook_name: string;
  decision: EligibilityDecision;
  code: string;
  because: string;
  until?: Time | null;
};
export type Device = {
  summary: DeviceSummary;
  computers: DeviceComputer[];
  agents: Agent[];
  batch?: { id: Id; name: string; listed: boolean } | null;
  eligibility: Eligibility[];
  runs: RunSummary[];
  incarnation: number;
};
export type ApproveResult = {
  approved: number;
  refused: { device_id: Id; code: string; message: string }[];
};

export type PskPolicy = "proof" | "approve" | "first_claim";
export type Psk = {
  id: Id;
  name: string;
  policy: PskPolicy;
  created_at: Time;
  expires_at?: Time | null;
  revoked_at?: Time | null;
  enrolled: number;
};
export type PskCreated = { psk: Psk; text: string; install_command: string };
export type SigningKey = {
  key_id: string;
  algorithm: string;
  not_before: Time;
  not_after: Time;
  revoked_at?: Time | null;
};
export type AgentCertificate = {
  root_id: string;
  root_public_key: string;
  created_at: Time;
  epoch: number;
  signing_keys: SigningKey[];
};

export type LicenceTerms = {
  product: "migration_agent" | "dir_sync";
  licensee: string;
  issuer: string;
  devices: number;
  source: string;
  target: string;
  trial: boolean;
  not_before: Time;
  not_after: Time;
};
export type LicenceState = "valid" | "exhausted" | "not_yet" | "expired";
export type Licence = { id: Id; terms: LicenceTerms; used: number; state: LicenceState; added_at: Time };
export type LicenceCheck = {
  ok: boolean;
  terms?: LicenceTerms | null;
  code?: string | null;
  message: string;
};

export type RunKind = "run" | "rehearse" | "undo";
export type RunState = "ordered" | "running" | "finished" | "cancelled";
export type RunResult = "migrated" | "restored" | "returned" | "held" | "rehearsed";
export type RunSummary = {
  id: Id;
  kind: RunKind;
  device_id: Id;
  device_name: string;
  runbook_id: Id;
  runbook_name: string;
  runbook_version: number;
  batch_id?: Id | null;
  state: RunState;
  result?: RunResult | null;
  reason: string;
  step?: string | null;
  done: number;
  total: number;
  reboots: number;
  ordered_at: Time;
  started_at?: Time | null;
  finished_at?: Time | null;
};
export type StepState = "pending" | "running" | "done" | "failed" | "undone" | "skipped";
export type RunStep = {
  name: string;
  state: StepState;
  detail: string;
  done: number;
  total: number;
  started_at?: Time | null;
  finished_at?: Time | null;
};
export type UserResult = "migrated" | "unmapped" | "restored" | "failed";
export type RunUser = {
  user: string;
  source_sid: string;
  target_sid?: string | null;
  result: UserResult;
  files_seen: number;
  files_changed: number;
  keys_changed: number;
  leftover_source_sids: number;
  detail?: string | null;
};
export type Run = { summary: RunSummary; steps: RunStep[]; users: RunUser[] };
export type AgentLogLine = {
  seq: number;
  at: Time;
  device_id: Id;
  device_name: string;
  run_id?: Id | null;
  severity: Severity;
  code: number;
  text: string;
};

export type Attention = { code: string; text: string; link: string };
export type Dashboard = {
  devices: Record<
    | "total"
    | "trusted"
    | "awaiting_approval"
    | "conflict"
    | "in_batch"
    | "running"
    | "migrated"
    | "back"
    | "held"
    | "silent",
    number
  >;
  translations: TranslationCounts;
  licence_seats: number;
  licence_used: number;
  running: RunSummary[];
  recent: RunSummary[];
  jobs: Job[];
  attention: Attention[];
  refusals_24h: number;
};
export type GuideCheck = {
  key: string;
  title: string;
  help: string;
  done: boolean;
  done_by?: string | null;
  done_at?: Time | null;
};
export type GuideStep = {
  key: string;
  number: number;
  title: string;
  state: "done" | "to_do" | "blocked";
  found: string;
  link: string;
};
export type Guide = {
  preparation: GuideCheck[];
  steps: GuideStep[];
  checkpoint: GuideCheck[];
  next?: string | null;
};
