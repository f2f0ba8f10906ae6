//! Preparing, reusing, resetting: every password is tried with `kinit`.

use super::{computer, guid, one, wait};
use gw_directory::{
    AccountError, AccountOrigin, ComputerAccounts, ComputerName, ConnectionSettings,
    DirectoryReader, Enabled, Force, OsClaim, PrepareRequest, PreparedAccount, ResetVerdict,
    ReuseBasis, ReusePolicy,
};
use gw_directory_ad::AdDirectory;
use gw_lab::forest::{Forests, plan, settings};
use gw_model::Guid;
use std::time::Duration;

pub(crate) fn are_created_where_they_should_be(forests: &Forests) {
    let join = settings(forests, "target", plan::JOIN).unwrap();
    let made = prepare(&join, &request("NEW-01", Some(MIGRATED))).unwrap();
    assert_eq!(made.origin, AccountOrigin::Created);
    let truth = computer(forests, "target", "NEW-01");
    assert_eq!(Some(made.dn.clone()), one(&truth, "dn"));
    assert_eq!(made.dn, format!("CN=NEW-01,{MIGRATED}"));
    assert_eq!(Some(made.sid.to_string()), one(&truth, "objectSid"));
    assert_eq!(Some(made.guid.to_string()), one(&truth, "objectGUID"));
    assert_eq!(one(&truth, "userAccountControl").as_deref(), Some("4096"));
    assert_eq!(
        one(&truth, "dNSHostName").as_deref(),
        Some("new-01.target.test")
    );
    assert_eq!(truth["servicePrincipalName"].len(), 4);
    assert_eq!(made.password.expose().chars().count(), 120);
    assert!(!format!("{made:?}").contains(made.password.expose()));
    forests
        .kinit("target", "NEW-01$", made.password.expose())
        .unwrap();
    println!("created {} ({}), kinit works", made.dn, made.sid);

    let administrator = settings(forests, "target", "Administrator").unwrap();
    let made = prepare(&administrator, &request("NEW-02", None)).unwrap();
    assert_eq!(made.dn, "CN=NEW-02,CN=Computers,DC=target,DC=test");
    forests
        .kinit("target", "NEW-02$", made.password.expose())
        .unwrap();
    println!("created {} in the default container, kinit works", made.dn);

    forests
        .sam("target")
        .add(&format!(
            "dn: CN=TAKEN,{MIGRATED}\nobjectClass: contact\n\n"
        ))
        .unwrap();
    let reader = settings(forests, "target", plan::READ).unwrap();
    for (code, settings, request) in [
        ("no_right_to_create", &join, request("NEW-03", None)),
        (
            "no_right_to_create",
            &reader,
            request("NEW-03", Some(MIGRATED)),
        ),
        (
            "ou_missing",
            &join,
            request("NEW-03", Some("OU=Nowhere,DC=target,DC=test")),
        ),
        (
            "bad_dn",
            &join,
            request("NEW-03", Some("OU,,DC=target,DC=test")),
        ),
        (
            "held_elsewhere",
            &join,
            request("NEW-03", Some("OU=Workstations,DC=source,DC=test")),
        ),
        ("name_occupied", &join, request("TAKEN", Some(MIGRATED))),
        (
            "account_untouchable",
            &administrator,
            PrepareRequest {
                reuse: ReusePolicy::IfAllowed,
                force: Force::TakeInUse,
                ..request("DC1", None)
            },
        ),
    ] {
        refused(code, prepare(settings, &request));
    }
    assert!(
        forests
            .sam("target")
            .search("(sAMAccountName=NEW-03$)", &[])
            .unwrap()
            .is_empty()
    );
}

pub(crate) fn are_reused_by_the_rules(forests: &Forests) {
    let join = settings(forests, "target", plan::JOIN).unwrap();
    let reuse = |name: &str| PrepareRequest {
        reuse: ReusePolicy::IfAllowed,
        ..request(name, Some(MIGRATED))
    };
    let first = prepare(&join, &request("AGAIN-01", Some(MIGRATED))).unwrap();
    refused(
        "account_exists",
        prepare(&join, &request("AGAIN-01", Some(MIGRATED))),
    );
    forests
        .kinit("target", "AGAIN-01$", first.password.expose())
        .unwrap();

    let resume = PrepareRequest {
        resume: Some(first.guid),
        ..request("AGAIN-01", Some(MIGRATED))
    };
    let second = prepare(&join, &resume).unwrap();
    assert_eq!(second.origin, AccountOrigin::Reset(ReuseBasis::SameRun));
    std::thread::sleep(Duration::from_millis(1100));
    let third = prepare(&join, &reuse("AGAIN-01")).unwrap();
    assert_eq!(third.origin, AccountOrigin::Reset(ReuseBasis::Owner));
    assert_eq!((third.guid, &third.sid), (first.guid, &first.sid));
    assert!(third.pwd_last_set_unix > first.pwd_last_set_unix);
    assert!(
        third.key_version > first.key_version,
        "{:?} {:?}",
        third.key_version,
        first.key_version
    );
    forests
        .kinit("target", "AGAIN-01$", third.password.expose())
        .unwrap();
    forests
        .kinit("target", "AGAIN-01$", first.password.expose())
        .unwrap_err();
    println!(
        "reused {} (owner): kinit with the new password works, with the first is refused",
        third.dn
    );

    refused("account_not_ours", prepare(&join, &reuse("PRE-ADMIN")));
    let delegated = prepare(&join, &reuse("PRE-RIGHTS")).unwrap();
    assert_eq!(delegated.origin, AccountOrigin::Reset(ReuseBasis::Rights));
    forests
        .kinit("target", "PRE-RIGHTS$", delegated.password.expose())
        .unwrap();
    println!(
        "reused {} (delegated right), notes: {:?}",
        delegated.dn, delegated.notes
    );

    let enabled = prepare(&join, &reuse("PRE-DISABLED")).unwrap();
    forests
        .kinit("target", "PRE-DISABLED$", enabled.password.expose())
        .unwrap();
    assert_eq!(
        one(
            &computer(forests, "target", "PRE-DISABLED"),
            "userAccountControl"
        )
        .as_deref(),
        Some("4096")
    );

    let now = wait(AdDirectory.facts(&join)).unwrap().server_time_unix;
    let two_days_ago = (now - 2 * 86_400 + 11_644_473_600) * 10_000_000;
    forests
        .sam("target")
        .modify(&format!("dn: {}\nchangetype: modify\nreplace: lastLogonTimestamp\nlastLogonTimestamp: {two_days_ago}\n", delegated.dn))
        .unwrap();
    refused("account_in_use", prepare(&join, &reuse("PRE-RIGHTS")));
    forests
        .kinit("target", "PRE-RIGHTS$", delegated.password.expose())
        .unwrap();
    let forced = PrepareRequest {
        force: Force::TakeInUse,
        ..reuse("PRE-RIGHTS")
    };
    assert!(prepare(&join, &forced).is_ok());
}

pub(crate) fn the_way_back_is_proven_and_works(forests: &Forests) {
    let back = settings(forests, "source", plan::RETURN).unwrap();
    let reader = settings(forests, "source", plan::READ).unwrap();
    let device = &forests.plan().matches.devices[0];
    let account = format!("{device}$");
    let id = guid(forests, "source", &account);
    let known = forests
        .plan()
        .source
        .computers
        .iter()
        .find(|c| &c.name == device)
        .unwrap();
    let old = known.password.clone().unwrap();
    forests.kinit("source", &account, &old).unwrap();

    let before = one(&computer(forests, "source", device), "pwdLastSet");
    let proof = wait(AdDirectory.may_reset(&back, id)).unwrap();
    let service = forests.facts("source").unwrap().accounts[plan::RETURN]
        .sid
        .clone();
    assert_eq!(
        proof.verdict,
        ResetVerdict::Granted {
            to: service.parse().unwrap()
        }
    );
    let denied = wait(AdDirectory.may_reset(&reader, id)).unwrap();
    assert_eq!(denied.verdict, ResetVerdict::NotGranted);
    assert_eq!(
        one(&computer(forests, "source", device), "pwdLastSet"),
        before,
        "a proof changes nothing"
    );
    forests.kinit("source", &account, &old).unwrap();
    refused(
        "no_right_to_reset",
        wait(AdDirectory.reset_password(&reader, id)).map(|_| ()),
    );

    let reset = wait(AdDirectory.reset_password(&back, id)).unwrap();
    let after = one(&computer(forests, "source", device), "pwdLastSet");
    assert!(
        after.as_ref().map(|t| t.parse::<i64>().unwrap())
            > before.as_ref().map(|t| t.parse::<i64>().unwrap())
    );
    forests
        .kinit("source", &account, reset.password.expose())
        .unwrap();
    forests.kinit("source", &account, &old).unwrap_err();
    println!(
        "reset {}: pwdLastSet {} -> {}, kinit works",
        reset.dn,
        before.unwrap(),
        after.unwrap()
    );

    wait(AdDirectory.set_enabled(&back, id, Enabled::No)).unwrap();
    forests
        .kinit("source", &account, reset.password.expose())
        .unwrap_err();
    let proof = wait(AdDirectory.may_reset(&back, id)).unwrap();
    assert!(!proof.is_granted(), "a disabled account is no way back");
    wait(AdDirectory.set_enabled(&back, id, Enabled::Yes)).unwrap();
    forests
        .kinit("source", &account, reset.password.expose())
        .unwrap();

    let controller = guid(forests, "source", "DC1$");
    refused(
        "account_untouchable",
        wait(AdDirectory.may_reset(&back, controller)).map(|_| ()),
    );
    let nobody = Guid::from_windows_bytes([9; 16]);
    refused(
        "account_not_found",
        wait(AdDirectory.reset_password(&back, nobody)).map(|_| ()),
    );
}

const MIGRATED: &str = "OU=Migrated,DC=target,DC=test";

fn request(name: &str, ou: Option<&str>) -> PrepareRequest {
    PrepareRequest {
        name: ComputerName::new(name).unwrap(),
        ou: ou.map(str::to_owned),
        reuse: ReusePolicy::Never,
        resume: None,
        os: Some(OsClaim {
            name: "Windows 11 Pro".into(),
            version: None,
        }),
        recent_days: 30,
        force: Force::No,
    }
}

fn prepare(
    settings: &ConnectionSettings,
    request: &PrepareRequest,
) -> Result<PreparedAccount, AccountError> {
    wait(AdDirectory.prepare_account(settings, request))
}

fn refused<T: std::fmt::Debug>(code: &str, result: Result<T, AccountError>) {
    let error = result.unwrap_err();
    println!("refused: {error} [{}]", error.remedy());
    assert_eq!(error.code(), code, "{error}");
}
