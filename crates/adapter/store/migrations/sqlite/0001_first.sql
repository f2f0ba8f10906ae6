-- The first schema. Times are microseconds since 1970 UTC; folded and search columns hold lower case.
-- The same file stands in the other folder with that database's types; keep them in step.

CREATE TABLE setting (
    name TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE admin (
    id BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE session (
    token_hash BLOB PRIMARY KEY NOT NULL,
    admin BLOB NOT NULL REFERENCES admin (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX session_expiry ON session (expires_at);

CREATE TABLE customer (
    id BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE,
    epoch INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE customer_key (
    customer BLOB NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    key_id TEXT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('root', 'signing', 'escrow')),
    algorithm TEXT NOT NULL,
    public_key TEXT NOT NULL,
    sealed_private BLOB NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    revoked_at INTEGER,
    PRIMARY KEY (customer, key_id)
) STRICT;
CREATE INDEX customer_key_by_key ON customer_key (key_id);

CREATE TABLE directory (
    id BLOB PRIMARY KEY NOT NULL,
    customer BLOB NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('active_directory', 'entra', 'virtual')),
    domain TEXT NOT NULL,
    settings TEXT NOT NULL,
    sealed_secret BLOB,
    generation INTEGER NOT NULL,
    imported_at INTEGER,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (customer, folded)
) STRICT;

-- A row is seen by readers of generation g if gen_from <= g < gen_to.
CREATE TABLE object (
    directory BLOB NOT NULL REFERENCES directory (id) ON DELETE CASCADE,
    id BLOB NOT NULL,
    gen_from INTEGER NOT NULL,
    gen_to INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'group', 'computer')),
    guid BLOB NOT NULL,
    sid TEXT,
    account_name TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    search TEXT NOT NULL,
    body TEXT NOT NULL,
    fingerprint INTEGER NOT NULL,
    PRIMARY KEY (id, gen_from)
) STRICT;
CREATE INDEX object_guid ON object (directory, guid, gen_from);
CREATE INDEX object_sid ON object (directory, sid);
CREATE INDEX object_list ON object (directory, kind, sort_key, id);
CREATE INDEX object_born ON object (directory, gen_from);
CREATE INDEX object_died ON object (directory, gen_to);

CREATE TABLE profile (
    id BLOB PRIMARY KEY NOT NULL,
    customer BLOB NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    source BLOB NOT NULL REFERENCES directory (id),
    target BLOB NOT NULL REFERENCES directory (id),
    rules TEXT NOT NULL,
    generation INTEGER NOT NULL,
    basis TEXT NOT NULL,
    synced_at INTEGER,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (customer, folded)
) STRICT;

CREATE TABLE match_row (
    profile BLOB NOT NULL REFERENCES profile (id) ON DELETE CASCADE,
    customer BLOB NOT NULL,
    gen_from INTEGER NOT NULL,
    gen_to INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'group', 'computer')),
    outcome TEXT NOT NULL CHECK (outcome IN ('matched', 'unmatched', 'ambiguous')),
    source_directory BLOB NOT NULL,
    source BLOB NOT NULL,
    source_guid BLOB NOT NULL,
    source_name TEXT NOT NULL,
    source_upn TEXT,
    source_dn TEXT NOT NULL,
    source_sid TEXT,
    source_sid_history TEXT NOT NULL,
    target_directory BLOB NOT NULL,
    target BLOB,
    target_guid BLOB,
    target_name TEXT,
    target_upn TEXT,
    target_dn TEXT,
    target_sid TEXT,
    explanation TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    search TEXT NOT NULL,
    fingerprint INTEGER NOT NULL,
    PRIMARY KEY (profile, source, gen_from)
) STRICT;
CREATE INDEX match_row_list ON match_row (customer, sort_key, source, profile);
CREATE INDEX match_row_outcome ON match_row (profile, outcome, sort_key, source);
CREATE INDEX match_row_source_sid ON match_row (customer, source_sid);
CREATE INDEX match_row_source ON match_row (source);
CREATE INDEX match_row_target ON match_row (target);
CREATE INDEX match_row_born ON match_row (profile, gen_from);
CREATE INDEX match_row_died ON match_row (profile, gen_to);

CREATE TABLE schedule (
    customer BLOB PRIMARY KEY NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    enabled INTEGER NOT NULL,
    interval_minutes INTEGER NOT NULL,
    next_at INTEGER
) STRICT;

CREATE TABLE job (
    id BLOB PRIMARY KEY NOT NULL,
    customer BLOB NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    parent BLOB,
    kind TEXT NOT NULL CHECK (kind IN ('cycle', 'import', 'sync')),
    subject TEXT,
    subject_name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    done INTEGER NOT NULL,
    total INTEGER,
    message TEXT NOT NULL,
    warnings INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    lease_owner TEXT,
    lease_until INTEGER,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER
) STRICT;
CREATE INDEX job_list ON job (customer, id);
CREATE INDEX job_parent ON job (parent);
CREATE INDEX job_open ON job (state, id);

CREATE TABLE job_message (
    job BLOB NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    at INTEGER NOT NULL,
    severity TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (job, sequence)
) STRICT;

CREATE TABLE runbook (
    id BLOB PRIMARY KEY NOT NULL,
    customer BLOB NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    version INTEGER NOT NULL,
    sealed_secret BLOB,
    UNIQUE (customer, folded)
) STRICT;

CREATE TABLE runbook_version (
    runbook BLOB NOT NULL REFERENCES runbook (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    hash TEXT NOT NULL,
    saved_at INTEGER NOT NULL,
    saved_by TEXT NOT NULL,
    PRIMARY KEY (runbook, version)
) STRICT;

-- catch_all holds the source of an "all except" batch: one catch-all per source.
CREATE TABLE batch (
    id BLOB PRIMARY KEY NOT NULL,
    customer BLOB NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    source BLOB NOT NULL REFERENCES directory (id),
    target BLOB NOT NULL REFERENCES directory (id),
    mode TEXT NOT NULL CHECK (mode IN ('only', 'all_except')),
    catch_all BLOB UNIQUE,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (customer, folded)
) STRICT;

CREATE TABLE batch_runbook (
    batch BLOB NOT NULL REFERENCES batch (id) ON DELETE CASCADE,
    runbook BLOB NOT NULL REFERENCES runbook (id),
    position INTEGER NOT NULL,
    window_text TEXT NOT NULL,
    PRIMARY KEY (batch, runbook)
) STRICT;
CREATE INDEX batch_runbook_by_runbook ON batch_runbook (runbook);

CREATE TABLE device (
    id BLOB PRIMARY KEY NOT NULL,
    customer BLOB NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    search TEXT NOT NULL,
    directory BLOB REFERENCES directory (id) ON DELETE SET NULL,
    object BLOB,
    guid BLOB,
    sid TEXT,
    serial TEXT,
    serial_folded TEXT,
    os TEXT,
    agent_version TEXT,
    agent BLOB,
    trust TEXT,
    last_seen INTEGER,
    utc_offset_minutes INTEGER,
    incarnation INTEGER NOT NULL,
    next_order INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX device_list ON device (customer, sort_key, id);
CREATE INDEX device_trust ON device (customer, trust, sort_key, id);
CREATE INDEX device_guid ON device (directory, guid);
CREATE INDEX device_object ON device (object);
CREATE INDEX device_serial ON device (customer, serial_folded);

CREATE TABLE device_link (
    device BLOB NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    directory BLOB NOT NULL,
    guid BLOB NOT NULL,
    object BLOB,
    sid TEXT,
    since INTEGER NOT NULL,
    until INTEGER,
    PRIMARY KEY (directory, guid)
) STRICT;
CREATE INDEX device_link_device ON device_link (device);
CREATE INDEX device_link_sid ON device_link (directory, sid);

-- The primary key keeps a device out of two explicit lists.
CREATE TABLE batch_device (
    device BLOB PRIMARY KEY NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    batch BLOB NOT NULL REFERENCES batch (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX batch_device_by_batch ON batch_device (batch, device);

CREATE TABLE batch_exempt (
    batch BLOB NOT NULL REFERENCES batch (id) ON DELETE CASCADE,
    device BLOB NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    PRIMARY KEY (batch, device)
) STRICT;
CREATE INDEX batch_exempt_device ON batch_exempt (device);

CREATE TABLE psk (
    id BLOB PRIMARY KEY NOT NULL,
    customer BLOB NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    wire_id TEXT NOT NULL UNIQUE,
    sealed_secret BLOB NOT NULL,
    policy TEXT NOT NULL CHECK (policy IN ('proof', 'approve', 'first_claim')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    uses INTEGER NOT NULL
) STRICT;
CREATE INDEX psk_list ON psk (customer, id);

CREATE TABLE agent (
    id BLOB PRIMARY KEY NOT NULL,
    customer BLOB NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    device BLOB NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    trust TEXT NOT NULL CHECK (trust IN ('pending', 'trusted', 'conflict', 'revoked')),
    live INTEGER NOT NULL,
    key_id TEXT NOT NULL UNIQUE,
    signing_key TEXT NOT NULL,
    hpke_key TEXT NOT NULL,
    psk BLOB,
    policy TEXT NOT NULL,
    facts TEXT NOT NULL,
    enrolled_at INTEGER NOT NULL,
    decided_at INTEGER,
    decided_by TEXT,
    last_seen INTEGER
) STRICT;
CREATE INDEX agent_device ON agent (device, id);

CREATE TABLE licence_issuer (
    key_id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    public_key TEXT NOT NULL,
    trusted_at INTEGER NOT NULL
) STRICT;

CREATE TABLE licence (
    id BLOB NOT NULL,
    customer BLOB NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    issuer TEXT NOT NULL,
    body TEXT NOT NULL,
    signed_text TEXT NOT NULL,
    applied_at INTEGER NOT NULL,
    PRIMARY KEY (id)
) STRICT;
CREATE INDEX licence_list ON licence (customer, id);

-- A device is counted once for a pair of domains, whatever happens to it later.
CREATE TABLE licence_seat (
    device BLOB NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    source_domain TEXT NOT NULL,
    target_domain TEXT NOT NULL,
    licence BLOB NOT NULL REFERENCES licence (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (device, source_domain, target_domain)
) STRICT;
CREATE INDEX licence_seat_licence ON licence_seat (licence, device);

CREATE TABLE run_order (
    id BLOB PRIMARY KEY NOT NULL,
    customer BLOB NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    device BLOB NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    agent BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('run', 'rehearse', 'undo')),
    batch BLOB,
    runbook BLOB NOT NULL,
    runbook_version INTEGER NOT NULL,
    run BLOB NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'taken', 'void')),
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX run_order_device ON run_order (device, state, sequence);
CREATE INDEX run_order_runbook ON run_order (runbook, state);
CREATE INDEX run_order_batch ON run_order (batch, state);

CREATE TABLE run (
    id BLOB PRIMARY KEY NOT NULL,
    customer BLOB NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    device BLOB NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    device_name TEXT NOT NULL,
    search TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    run_order BLOB NOT NULL,
    batch BLOB,
    runbook BLOB NOT NULL,
    runbook_name TEXT NOT NULL,
    runbook_version INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('run', 'rehearse', 'undo')),
    state TEXT NOT NULL CHECK (state IN ('ordered', 'running', 'finished', 'cancelled')),
    result TEXT,
    reason TEXT NOT NULL,
    step TEXT,
    done INTEGER NOT NULL,
    total INTEGER NOT NULL,
    reboots INTEGER NOT NULL,
    ordered_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER
) STRICT;
CREATE INDEX run_list ON run (customer, id);
CREATE INDEX run_device ON run (device, id);
CREATE INDEX run_batch ON run (batch, id);
CREATE INDEX run_runbook ON run (runbook, result);

CREATE TABLE run_step (
    run BLOB NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    position INTEGER NOT NULL,
    state TEXT NOT NULL,
    detail TEXT NOT NULL,
    done INTEGER NOT NULL,
    total INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    PRIMARY KEY (run, name)
) STRICT;

CREATE TABLE run_outcome (
    run BLOB NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    source_sid TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run, source_sid)
) STRICT;

-- What a device may still send again: a report is adopted once.
CREATE TABLE report_seen (
    device BLOB NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    report TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (device, report)
) STRICT;

-- Sealed to the customer's escrow key by the device.
CREATE TABLE escrow (
    report BLOB PRIMARY KEY NOT NULL,
    customer BLOB NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    device BLOB NOT NULL,
    body TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX escrow_device ON escrow (device, report);

CREATE TABLE agent_log (
    device BLOB NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    first_line INTEGER NOT NULL,
    last_line INTEGER NOT NULL,
    customer BLOB NOT NULL,
    run BLOB,
    first_at INTEGER NOT NULL,
    worst TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (device, first_line)
) STRICT;
CREATE INDEX agent_log_run ON agent_log (run, first_line);
CREATE INDEX agent_log_customer ON agent_log (customer, first_at, device, first_line);

-- fold_key is set for counted refusals only: one row per cause, source and hour.
CREATE TABLE audit (
    id BLOB PRIMARY KEY NOT NULL,
    customer BLOB,
    at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT,
    detail TEXT NOT NULL,
    source TEXT,
    count INTEGER NOT NULL,
    search TEXT NOT NULL,
    fold_key TEXT UNIQUE
) STRICT;
CREATE INDEX audit_customer ON audit (customer, id);
CREATE INDEX audit_action ON audit (action, id);

CREATE TABLE guide_mark (
    customer BLOB NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    item TEXT NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    PRIMARY KEY (customer, item)
) STRICT;
