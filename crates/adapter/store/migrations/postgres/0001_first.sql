-- The first schema. Times are microseconds since 1970 UTC; folded and search columns hold lower case.
-- The same file stands in the other folder with that database's types; keep them in step.

CREATE TABLE setting (
    name TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    value TEXT COLLATE "C" NOT NULL
);

CREATE TABLE admin (
    id UUID PRIMARY KEY NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    folded TEXT COLLATE "C" NOT NULL UNIQUE,
    password_hash TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE session (
    token_hash BYTEA PRIMARY KEY NOT NULL,
    admin UUID NOT NULL REFERENCES admin (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX session_expiry ON session (expires_at);

CREATE TABLE customer (
    id UUID PRIMARY KEY NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    folded TEXT COLLATE "C" NOT NULL UNIQUE,
    epoch BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE customer_key (
    customer UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    key_id TEXT COLLATE "C" NOT NULL,
    purpose TEXT COLLATE "C" NOT NULL CHECK (purpose IN ('root', 'signing', 'escrow')),
    algorithm TEXT COLLATE "C" NOT NULL,
    public_key TEXT COLLATE "C" NOT NULL,
    sealed_private BYTEA NOT NULL,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (customer, key_id)
);
CREATE INDEX customer_key_by_key ON customer_key (key_id);

CREATE TABLE directory (
    id UUID PRIMARY KEY NOT NULL,
    customer UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    folded TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('active_directory', 'entra', 'virtual')),
    domain TEXT COLLATE "C" NOT NULL,
    settings TEXT COLLATE "C" NOT NULL,
    sealed_secret BYTEA,
    generation BIGINT NOT NULL,
    imported_at BIGINT,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (customer, folded)
);

-- A row is seen by readers of generation g if gen_from <= g < gen_to.
CREATE TABLE object (
    directory UUID NOT NULL REFERENCES directory (id) ON DELETE CASCADE,
    id UUID NOT NULL,
    gen_from BIGINT NOT NULL,
    gen_to BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('user', 'group', 'computer')),
    guid UUID NOT NULL,
    sid TEXT COLLATE "C",
    account_name TEXT COLLATE "C" NOT NULL,
    sort_key TEXT COLLATE "C" NOT NULL,
    search TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    fingerprint BIGINT NOT NULL,
    PRIMARY KEY (id, gen_from)
);
CREATE INDEX object_guid ON object (directory, guid, gen_from);
CREATE INDEX object_sid ON object (directory, sid);
CREATE INDEX object_list ON object (directory, kind, sort_key, id);
CREATE INDEX object_born ON object (directory, gen_from);
CREATE INDEX object_died ON object (directory, gen_to);

CREATE TABLE profile (
    id UUID PRIMARY KEY NOT NULL,
    customer UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    folded TEXT COLLATE "C" NOT NULL,
    source UUID NOT NULL REFERENCES directory (id),
    target UUID NOT NULL REFERENCES directory (id),
    rules TEXT COLLATE "C" NOT NULL,
    generation BIGINT NOT NULL,
    basis TEXT COLLATE "C" NOT NULL,
    synced_at BIGINT,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (customer, folded)
);

CREATE TABLE match_row (
    profile UUID NOT NULL REFERENCES profile (id) ON DELETE CASCADE,
    customer UUID NOT NULL,
    gen_from BIGINT NOT NULL,
    gen_to BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('user', 'group', 'computer')),
    outcome TEXT COLLATE "C" NOT NULL CHECK (outcome IN ('matched', 'unmatched', 'ambiguous')),
    source_directory UUID NOT NULL,
    source UUID NOT NULL,
    source_guid UUID NOT NULL,
    source_name TEXT COLLATE "C" NOT NULL,
    source_upn TEXT COLLATE "C",
    source_dn TEXT COLLATE "C" NOT NULL,
    source_sid TEXT COLLATE "C",
    source_sid_history TEXT COLLATE "C" NOT NULL,
    target_directory UUID NOT NULL,
    target UUID,
    target_guid UUID,
    target_name TEXT COLLATE "C",
    target_upn TEXT COLLATE "C",
    target_dn TEXT COLLATE "C",
    target_sid TEXT COLLATE "C",
    explanation TEXT COLLATE "C" NOT NULL,
    sort_key TEXT COLLATE "C" NOT NULL,
    search TEXT COLLATE "C" NOT NULL,
    fingerprint BIGINT NOT NULL,
    PRIMARY KEY (profile, source, gen_from)
);
CREATE INDEX match_row_list ON match_row (customer, sort_key, source, profile);
CREATE INDEX match_row_outcome ON match_row (profile, outcome, sort_key, source);
CREATE INDEX match_row_source_sid ON match_row (customer, source_sid);
CREATE INDEX match_row_source ON match_row (source);
CREATE INDEX match_row_target ON match_row (target);
CREATE INDEX match_row_born ON match_row (profile, gen_from);
CREATE INDEX match_row_died ON match_row (profile, gen_to);

CREATE TABLE schedule (
    customer UUID PRIMARY KEY NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    enabled BIGINT NOT NULL,
    interval_minutes BIGINT NOT NULL,
    next_at BIGINT
);

CREATE TABLE job (
    id UUID PRIMARY KEY NOT NULL,
    customer UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    parent UUID,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('cycle', 'import', 'sync')),
    subject TEXT COLLATE "C",
    subject_name TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    done BIGINT NOT NULL,
    total BIGINT,
    message TEXT COLLATE "C" NOT NULL,
    warnings BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    lease_owner TEXT COLLATE "C",
    lease_until BIGINT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT
);
CREATE INDEX job_list ON job (customer, id);
CREATE INDEX job_parent ON job (parent);
CREATE INDEX job_open ON job (state, id);

CREATE TABLE job_message (
    job UUID NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    sequence BIGINT NOT NULL,
    at BIGINT NOT NULL,
    severity TEXT COLLATE "C" NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (job, sequence)
);

CREATE TABLE runbook (
    id UUID PRIMARY KEY NOT NULL,
    customer UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    folded TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    sealed_secret BYTEA,
    UNIQUE (customer, folded)
);

CREATE TABLE runbook_version (
    runbook UUID NOT NULL REFERENCES runbook (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    saved_at BIGINT NOT NULL,
    saved_by TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (runbook, version)
);

-- catch_all holds the source of an "all except" batch: one catch-all per source.
CREATE TABLE batch (
    id UUID PRIMARY KEY NOT NULL,
    customer UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    folded TEXT COLLATE "C" NOT NULL,
    source UUID NOT NULL REFERENCES directory (id),
    target UUID NOT NULL REFERENCES directory (id),
    mode TEXT COLLATE "C" NOT NULL CHECK (mode IN ('only', 'all_except')),
    catch_all UUID UNIQUE,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (customer, folded)
);

CREATE TABLE batch_runbook (
    batch UUID NOT NULL REFERENCES batch (id) ON DELETE CASCADE,
    runbook UUID NOT NULL REFERENCES runbook (id),
    position BIGINT NOT NULL,
    window_text TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (batch, runbook)
);
CREATE INDEX batch_runbook_by_runbook ON batch_runbook (runbook);

CREATE TABLE device (
    id UUID PRIMARY KEY NOT NULL,
    customer UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    sort_key TEXT COLLATE "C" NOT NULL,
    search TEXT COLLATE "C" NOT NULL,
    directory UUID REFERENCES directory (id) ON DELETE SET NULL,
    object UUID,
    guid UUID,
    sid TEXT COLLATE "C",
    serial TEXT COLLATE "C",
    serial_folded TEXT COLLATE "C",
    os TEXT COLLATE "C",
    agent_version TEXT COLLATE "C",
    agent UUID,
    trust TEXT COLLATE "C",
    last_seen BIGINT,
    utc_offset_minutes BIGINT,
    incarnation BIGINT NOT NULL,
    next_order BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX device_list ON device (customer, sort_key, id);
CREATE INDEX device_trust ON device (customer, trust, sort_key, id);
CREATE INDEX device_guid ON device (directory, guid);
CREATE INDEX device_object ON device (object);
CREATE INDEX device_serial ON device (customer, serial_folded);

CREATE TABLE device_link (
    device UUID NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    directory UUID NOT NULL,
    guid UUID NOT NULL,
    object UUID,
    sid TEXT COLLATE "C",
    since BIGINT NOT NULL,
    until BIGINT,
    PRIMARY KEY (directory, guid)
);
CREATE INDEX device_link_device ON device_link (device);
CREATE INDEX device_link_sid ON device_link (directory, sid);

-- The primary key keeps a device out of two explicit lists.
CREATE TABLE batch_device (
    device UUID PRIMARY KEY NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    batch UUID NOT NULL REFERENCES batch (id) ON DELETE CASCADE
);
CREATE INDEX batch_device_by_batch ON batch_device (batch, device);

CREATE TABLE batch_exempt (
    batch UUID NOT NULL REFERENCES batch (id) ON DELETE CASCADE,
    device UUID NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    PRIMARY KEY (batch, device)
);
CREATE INDEX batch_exempt_device ON batch_exempt (device);

CREATE TABLE psk (
    id UUID PRIMARY KEY NOT NULL,
    customer UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    wire_id TEXT COLLATE "C" NOT NULL UNIQUE,
    sealed_secret BYTEA NOT NULL,
    policy TEXT COLLATE "C" NOT NULL CHECK (policy IN ('proof', 'approve', 'first_claim')),
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    uses BIGINT NOT NULL
);
CREATE INDEX psk_list ON psk (customer, id);

CREATE TABLE agent (
    id UUID PRIMARY KEY NOT NULL,
    customer UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    device UUID NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    trust TEXT COLLATE "C" NOT NULL CHECK (trust IN ('pending', 'trusted', 'conflict', 'revoked')),
    live BIGINT NOT NULL,
    key_id TEXT COLLATE "C" NOT NULL UNIQUE,
    signing_key TEXT COLLATE "C" NOT NULL,
    hpke_key TEXT COLLATE "C" NOT NULL,
    psk UUID,
    policy TEXT COLLATE "C" NOT NULL,
    facts TEXT COLLATE "C" NOT NULL,
    enrolled_at BIGINT NOT NULL,
    decided_at BIGINT,
    decided_by TEXT COLLATE "C",
    last_seen BIGINT
);
CREATE INDEX agent_device ON agent (device, id);

CREATE TABLE licence_issuer (
    key_id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    public_key TEXT COLLATE "C" NOT NULL,
    trusted_at BIGINT NOT NULL
);

CREATE TABLE licence (
    id UUID NOT NULL,
    customer UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    issuer TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    signed_text TEXT COLLATE "C" NOT NULL,
    applied_at BIGINT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX licence_list ON licence (customer, id);

-- A device is counted once for a pair of domains, whatever happens to it later.
CREATE TABLE licence_seat (
    device UUID NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    source_domain TEXT COLLATE "C" NOT NULL,
    target_domain TEXT COLLATE "C" NOT NULL,
    licence UUID NOT NULL REFERENCES licence (id) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (device, source_domain, target_domain)
);
CREATE INDEX licence_seat_licence ON licence_seat (licence, device);

CREATE TABLE run_order (
    id UUID PRIMARY KEY NOT NULL,
    customer UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    device UUID NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    agent UUID NOT NULL,
    sequence BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('run', 'rehearse', 'undo')),
    batch UUID,
    runbook UUID NOT NULL,
    runbook_version BIGINT NOT NULL,
    run UUID NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'taken', 'void')),
    created_at BIGINT NOT NULL
);
CREATE INDEX run_order_device ON run_order (device, state, sequence);
CREATE INDEX run_order_runbook ON run_order (runbook, state);
CREATE INDEX run_order_batch ON run_order (batch, state);

CREATE TABLE run (
    id UUID PRIMARY KEY NOT NULL,
    customer UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    device UUID NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    device_name TEXT COLLATE "C" NOT NULL,
    search TEXT COLLATE "C" NOT NULL,
    incarnation BIGINT NOT NULL,
    run_order UUID NOT NULL,
    batch UUID,
    runbook UUID NOT NULL,
    runbook_name TEXT COLLATE "C" NOT NULL,
    runbook_version BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('run', 'rehearse', 'undo')),
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('ordered', 'running', 'finished', 'cancelled')),
    result TEXT COLLATE "C",
    reason TEXT COLLATE "C" NOT NULL,
    step TEXT COLLATE "C",
    done BIGINT NOT NULL,
    total BIGINT NOT NULL,
    reboots BIGINT NOT NULL,
    ordered_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT
);
CREATE INDEX run_list ON run (customer, id);
CREATE INDEX run_device ON run (device, id);
CREATE INDEX run_batch ON run (batch, id);
CREATE INDEX run_runbook ON run (runbook, result);

CREATE TABLE run_step (
    run UUID NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C" NOT NULL,
    done BIGINT NOT NULL,
    total BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    PRIMARY KEY (run, name)
);

CREATE TABLE run_outcome (
    run UUID NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    source_sid TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run, source_sid)
);

-- What a device may still send again: a report is adopted once.
CREATE TABLE report_seen (
    device UUID NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    report TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (device, report)
);

-- Sealed to the customer's escrow key by the device.
CREATE TABLE escrow (
    report UUID PRIMARY KEY NOT NULL,
    customer UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    device UUID NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX escrow_device ON escrow (device, report);

CREATE TABLE agent_log (
    device UUID NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    first_line BIGINT NOT NULL,
    last_line BIGINT NOT NULL,
    customer UUID NOT NULL,
    run UUID,
    first_at BIGINT NOT NULL,
    worst TEXT COLLATE "C" NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (device, first_line)
);
CREATE INDEX agent_log_run ON agent_log (run, first_line);
CREATE INDEX agent_log_customer ON agent_log (customer, first_at, device, first_line);

-- fold_key is set for counted refusals only: one row per cause, source and hour.
CREATE TABLE audit (
    id UUID PRIMARY KEY NOT NULL,
    customer UUID,
    at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    object TEXT COLLATE "C",
    detail TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C",
    count BIGINT NOT NULL,
    search TEXT COLLATE "C" NOT NULL,
    fold_key TEXT COLLATE "C" UNIQUE
);
CREATE INDEX audit_customer ON audit (customer, id);
CREATE INDEX audit_action ON audit (action, id);

CREATE TABLE guide_mark (
    customer UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    item TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (customer, item)
);
