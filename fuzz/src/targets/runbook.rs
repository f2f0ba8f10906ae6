//! Runbook documents.

use crate::{Target, leave_alone};
use gw_model::DirectoryId;
use gw_runbook::Runbook;
use serde_json::json;

pub(crate) const TARGET: Target = Target {
    name: "runbook",
    seeds,
    repair: leave_alone,
    run,
};

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(read) = gw_runbook::read(&text) else {
        return;
    };
    let verdict = read.check().map_err(|found| found.to_string());
    let written = serde_json::to_string(&read).expect("what was read can be written");
    let again = gw_runbook::read(&written).expect("what was written can be read");
    assert_eq!(read, again, "a document changed on its way");
    assert_eq!(verdict.is_ok(), again.check().is_ok());
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let directory = |n: u8| -> anyhow::Result<DirectoryId> {
        Ok(format!("dir_{}", format!("{n:02x}").repeat(16)).parse()?)
    };
    let plain = Runbook::new("Head office", [directory(1)?].into(), directory(2)?);
    let mut full = serde_json::to_value(&plain)?;
    full["general"]["prerequisites"] = json!([format!("rbk_{}", "03".repeat(16))]);
    full["device_state"]["leave"] = json!("active_directory");
    full["device_state"]["join"] = json!({
        "kind": "active_directory",
        "organisational_unit": "OU=Migrated,DC=target,DC=test",
        "reuse_existing_account": true,
        "join_account": "join@target.test",
    });
    full["device_state"]["way_back"]["return_account"] = json!("back@source.test");
    full["extensions"] = json!({ "x": [1, { "y": null }] });
    let full = full.to_string();
    gw_runbook::read(&full)?;
    Ok(vec![serde_json::to_vec(&plain)?, full.into_bytes()])
}
