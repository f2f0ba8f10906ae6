//! What the console and scripts send to the server: every body and every query of the admin API.
//!
//! Input: one byte that says which, then its JSON. (A query arrives in another form, but is read
//! into the same type.)

use crate::{
    Target, leave_alone,
    targets::{Take, json, seed, take},
};
use gw_admin_api::{
    administrators::AdministratorInput,
    agent_logs::AgentLogQuery,
    audit::AuditQuery,
    batches::{AddDevices, BatchDeviceQuery, BatchInput, CsvImportQuery},
    customers::CustomerInput,
    devices::{ApproveDevices, DeviceQuery, MoveDevice, ResolveConflict, RunbookChoice},
    directories::{DirectoryInput, TestQuery},
    events::EventQuery,
    fallback::RevealInput,
    guide::GuideTick,
    jobs::ScheduleInput,
    licences::LicenceInput,
    objects::ObjectQuery,
    page::PageQuery,
    psks::PskInput,
    runbooks::{RunbookInput, VersionQuery},
    runs::RunQuery,
    session::{PasswordChange, SignIn},
    settings::{RecoveryKeyConfirm, SettingsInput},
    setup::SetupInput,
    sync_profiles::SyncProfileInput,
    translations::{ProfileQuery, TranslationQuery},
};
use serde_json::{Value, json as object};

pub(crate) const TARGET: Target = Target {
    name: "adminapi",
    seeds,
    repair: leave_alone,
    run: |data| take(KINDS, data),
};

const KINDS: &[(&str, Take)] = &[
    ("add-devices", json::<AddDevices>),
    ("administrator", json::<AdministratorInput>),
    ("approve", json::<ApproveDevices>),
    ("batch", json::<BatchInput>),
    ("customer", json::<CustomerInput>),
    ("directory", json::<DirectoryInput>),
    ("tick", json::<GuideTick>),
    ("licence", json::<LicenceInput>),
    ("move", json::<MoveDevice>),
    ("password", json::<PasswordChange>),
    ("psk", json::<PskInput>),
    ("recovery", json::<RecoveryKeyConfirm>),
    ("conflict", json::<ResolveConflict>),
    ("reveal", json::<RevealInput>),
    ("runbook-choice", json::<RunbookChoice>),
    ("runbook", json::<RunbookInput>),
    ("schedule", json::<ScheduleInput>),
    ("settings", json::<SettingsInput>),
    ("setup", json::<SetupInput>),
    ("sign-in", json::<SignIn>),
    ("profile", json::<SyncProfileInput>),
    ("agent-log-query", json::<AgentLogQuery>),
    ("audit-query", json::<AuditQuery>),
    ("batch-device-query", json::<BatchDeviceQuery>),
    ("csv-import-query", json::<CsvImportQuery>),
    ("device-query", json::<DeviceQuery>),
    ("event-query", json::<EventQuery>),
    ("object-query", json::<ObjectQuery>),
    ("page-query", json::<PageQuery>),
    ("profile-query", json::<ProfileQuery>),
    ("run-query", json::<RunQuery>),
    ("test-query", json::<TestQuery>),
    ("translation-query", json::<TranslationQuery>),
    ("version-query", json::<VersionQuery>),
];

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let id = |kind: &str| format!("{kind}_{}", "01".repeat(16));
    let page = |more: Value| {
        let mut query = object!({ "q": "anna", "cursor": "x", "limit": 9 });
        if let (Some(query), Value::Object(more)) = (query.as_object_mut(), more) {
            query.extend(more);
        }
        query
    };
    [
        ("add-devices", object!({ "device_ids": [id("dev")], "if_elsewhere": "move" })),
        ("administrator", object!({ "name": "ann", "password": "a long password" })),
        ("approve", object!({ "device_ids": [id("dev"), id("dev")] })),
        (
            "batch",
            object!({
                "name": "Head office", "source_directory_id": id("dir"),
                "target_directory_id": id("dir"), "mode": "all_except", "runbooks": [{
                    "runbook_id": id("rbk"), "available_from": "2026-11-30T18:00:00", "zone": "local",
                }],
            }),
        ),
        ("customer", object!({ "name": "Example" })),
        (
            "directory",
            object!({
                "name": "Source", "password": "secret", "connection": {
                    "kind": "active_directory", "host": "dc1.source.test", "address": "192.0.2.1",
                    "port": 636, "transport": "ldaps", "account": "reader@source.test",
                    "trust": { "kind": "pin", "sha256": "00".repeat(32) }, "extra_attributes": ["x"],
                },
            }),
        ),
        ("tick", object!({ "done": true })),
        ("licence", object!({ "licence": "gwl1.x.y" })),
        ("move", object!({ "batch_id": id("bat") })),
        ("password", object!({ "current": "old", "new": "new" })),
        ("psk", object!({ "name": "a", "policy": "approve", "expires_at": "2026-11-22T12:00:00Z" })),
        ("recovery", object!({ "recovery_key": "gwr1.ABCDE" })),
        ("conflict", object!({ "keep_agent_id": id("agt") })),
        ("reveal", object!({ "reason": "Ann cannot sign in" })),
        ("runbook-choice", object!({ "runbook_id": id("rbk") })),
        ("runbook", object!({ "document": { "v": 1 }, "join_password": "secret" })),
        (
            "settings",
            object!({
                "agent_url": "https://godwit.example/Agent", "poll_minutes": 5, "licence_issuers": [],
            }),
        ),
        (
            "setup",
            object!({ "token": "x", "name": "ann", "password": "long", "customer_name": "Example" }),
        ),
        ("sign-in", object!({ "name": "ann", "password": "a long password" })),
        (
            "profile",
            object!({
                "name": "p", "source_directory_id": id("dir"), "target_directory_id": id("dir"),
                "rules": [{
                    "kind": "user", "source_attribute": "mail", "target_attribute": "mail",
                }],
                "well_known_groups": true, "include_disabled": false,
            }),
        ),
        ("agent-log-query", page(object!({ "severity": "warning", "device_id": id("dev") }))),
        ("device-query", page(object!({ "directory_id": id("dir") }))),
        ("event-query", object!({ "customer": id("cus"), "run_id": id("run") })),
        ("object-query", page(object!({ "kind": "user", "directory_id": id("dir") }))),
        ("run-query", page(object!({ "batch_id": id("bat") }))),
        ("version-query", object!({ "version": 3 })),
    ]
    .into_iter()
    .map(|(kind, input)| seed(KINDS, kind, input.to_string().as_bytes()))
    .collect()
}
