//! The documents of a run directory, and changes as they are written down.

use crate::{
    Target, leave_alone,
    targets::{Take, seed, take},
};
use gw_engine::{
    journal::Record,
    rundir::{EscrowFile, OrderFile, ResultFile, ReturnFile, StageFile, read_document},
};
use gw_platform::{AreaScope, ChangeDoc, Facts, SidsSeen};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

pub(crate) const TARGET: Target = Target {
    name: "rundir",
    seeds,
    repair: leave_alone,
    run,
};

const KINDS: &[(&str, Take)] = &[
    ("order", document::<OrderFile>),
    ("stage", |data| {
        if let Ok(file) = read_document::<StageFile>("stage.json", data) {
            let _ = file.map();
        }
        document::<StageFile>(data)
    }),
    ("return", document::<ReturnFile>),
    ("escrow", document::<EscrowFile>),
    ("result", document::<ResultFile>),
    ("change", crate::targets::json::<ChangeDoc>),
    ("record", crate::targets::json::<Record>),
    ("facts", crate::targets::json::<Facts>),
    ("seen", crate::targets::json::<SidsSeen>),
    ("areas", crate::targets::json::<AreaScope>),
];

fn run(data: &[u8]) {
    take(KINDS, data);
}

fn document<T: DeserializeOwned + Serialize + PartialEq>(data: &[u8]) -> String {
    match read_document::<T>("document", data) {
        Ok(read) => {
            let written = serde_json::to_vec(&read).expect("what was read can be written");
            let again = read_document::<T>("document", &written);
            assert!(again.is_ok_and(|again| again == read), "it has changed");
            "understood".to_owned()
        }
        Err(error) => error.to_string(),
    }
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let id = |kind: &str| format!("{kind}_{}", "01".repeat(16));
    let (sid, other) = ("S-1-5-21-1-2-3", "S-1-5-21-4-5-6");
    let target = json!({
        "kind": "active_directory", "dns_name": "target.test", "netbios_name": "TARGET",
        "forest_name": "target.test", "domain_sid": other, "domain_guid": null,
        "account_name": "PC-1$", "machine_sid": format!("{other}-3001"),
        "controllers": [{ "host": "dc1.target.test", "addresses": ["192.0.2.1"], "site": null }],
        "kvno": 2,
    });
    let order = json!({
        "v": 1, "run_id": id("run"), "order_id": id("ord"), "kind": "run",
        "runbook": { "id": id("rbk"), "version": 3, "name": "Head office" },
        "sources": [{ "dns_name": "source.test", "domain_sid": sid }],
        "target": { "dns_name": "target.test", "domain_sid": other },
        "settings": { "mode": "add", "ignored": ["C:\\Temp"], "prevent_login": false },
    });
    let stage = json!({
        "v": 1, "pairs": [{ "source_sid": format!("{sid}-1001"), "target_sid": format!("{other}-2001") }],
        "target": target, "secret": "target-machine", "return_grade": "auto",
    });
    let returned = json!({
        "v": 1, "ticket": { "source": target, "secret": "source-machine-1" },
        "refused": { "because": "asked", "final": true },
    });
    let escrow = json!({ "v": 1, "acknowledged": ["fallback-administrator"] });
    let change = json!({
        "v": 1, "change": { "kind": "join", "target": target, "secret": "target-machine" },
    });
    let record = json!({
        "n": 1, "at": "2026-11-22T12:00:00Z", "prev": "", "event": "started", "attempt": 1, "boot_id": "b",
    });
    [
        ("order", order),
        ("stage", stage),
        ("return", returned),
        ("escrow", escrow),
        ("change", change),
        ("record", record),
        ("areas", serde_json::to_value(AreaScope::default())?),
    ]
    .into_iter()
    .map(|(kind, document)| seed(KINDS, kind, document.to_string().as_bytes()))
    .collect()
}
