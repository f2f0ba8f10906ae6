//! Sync profiles, and matching over what two directories hand out.
//!
//! Input: the JSON of a profile and of two lists of objects, one a line.

use crate::{Target, leave_alone};
use gw_matching::{Subject, SyncProfile, key_of, match_subjects};
use gw_model::DirectoryObject;
use serde_json::json;

pub(crate) const TARGET: Target = Target {
    name: "matching",
    seeds,
    repair: leave_alone,
    run,
};

fn run(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let profile = lines.next().map(serde_json::from_slice::<SyncProfile>);
    let Some(Ok(profile)) = profile else {
        return;
    };
    let mut side = |pick: fn(&gw_matching::AttributeRule) -> &str| -> Vec<Subject> {
        let objects = lines
            .next()
            .map(serde_json::from_slice::<Vec<DirectoryObject>>);
        let Some(Ok(objects)) = objects else {
            return Vec::new();
        };
        let subject = |object: &DirectoryObject| {
            let rule = profile.rules.get(&object.kind)?;
            let key = key_of(object, pick(rule), profile.well_known_groups);
            Some(Subject {
                guid: object.guid,
                key: key.map(Into::into),
                eligible: object.enabled || profile.include_disabled,
                bound: None,
            })
        };
        objects.iter().filter_map(subject).collect()
    };
    let sources = side(|rule| &rule.source_attribute);
    let targets = side(|rule| &rule.target_attribute);
    let decisions = match_subjects(&sources, &targets);
    assert_eq!(decisions.len(), sources.len());
    let mut taken: Vec<usize> = decisions.iter().filter_map(|one| one.target()).collect();
    let pairs = taken.len();
    assert!(taken.iter().all(|target| *target < targets.len()));
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), pairs, "a target has two sources");
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let object = |n: u8, kind: &str, name: &str, rid: u32| {
        json!({
            "id": format!("obj_{}", format!("{n:02x}").repeat(16)),
            "directory": format!("dir_{}", "01".repeat(16)), "kind": kind,
            "guid": format!("000000{n:02x}-246d-11d0-a768-00aa006e0529"),
            "sid": format!("S-1-5-21-1-2-3-{rid}"), "account_name": name, "display_name": null,
            "upn": format!("{name}@a.test"), "mail": null, "dn": format!("CN={name}"),
            "enabled": true, "dns_host_name": null, "operating_system": null,
            "attributes": { "employeeID": ["7", "\u{fb01}x"] },
        })
    };
    let left = [
        object(1, "user", "Anna", 1001),
        object(2, "group", "Users", 513),
    ];
    let right = [
        object(3, "user", "ANNA ", 2001),
        object(4, "group", "Benutzer", 513),
    ];
    let profiles = [
        serde_json::to_value(SyncProfile::default())?,
        json!({
            "rules": { "user": { "source_attribute": "employeeID", "target_attribute": "employeeID" } },
            "include_disabled": true,
        }),
    ];
    profiles
        .iter()
        .map(|profile| {
            let _: SyncProfile = serde_json::from_value(profile.clone())?;
            let _: Vec<DirectoryObject> = serde_json::from_value(json!(left))?;
            Ok(format!("{profile}\n{}\n{}", json!(left), json!(right)).into_bytes())
        })
        .collect()
}
