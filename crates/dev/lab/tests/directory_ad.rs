//! `gw-directory-ad` against two real Samba forests: import, the six connection failures, computer
//! accounts. Every claim is checked with Samba's own tools or `kinit`, not with the adapter.

use gw_directory::{
    BoxFuture, CheckName, CheckOutcome, ConnectionSettings, DirectoryReader, ImportPage,
    ImportRequest, ImportSink, ImportedObject, Secret, SinkStopped, Transport, Trust,
};
use gw_directory_ad::AdDirectory;
use gw_lab::forest::{Forests, Printed, plan, settings};
use gw_lab::image::lab_dir;
use gw_model::{Guid, ObjectKind};
use std::{collections::BTreeMap, future::Future, time::Duration};

#[path = "directory_ad/accounts.rs"]
mod accounts;

#[test]
fn active_directory_on_samba() {
    let forests = Forests::up(&lab_dir()).expect("the lab's forests come up");
    imports_are_what_the_database_holds(&forests);
    the_same_objects_come_over_every_way_in(&forests);
    big_groups_are_read_to_the_end(&forests);
    each_failure_of_a_connection_has_its_own_words(&forests);
    accounts::are_created_where_they_should_be(&forests);
    accounts::are_reused_by_the_rules(&forests);
    accounts::the_way_back_is_proven_and_works(&forests);
}

fn imports_are_what_the_database_holds(forests: &Forests) {
    for side in ["source", "target"] {
        let settings = settings(forests, side, plan::READ).unwrap();
        let (objects, summary) = import(&settings);
        let domain = forests.domain(side).unwrap();
        assert_eq!(summary.facts.sid.to_string(), domain.domain_sid);
        assert_eq!(summary.facts.netbios_name, domain.netbios_name);
        assert_eq!(summary.facts.dc_host, format!("dc1.{side}.test"));
        assert_eq!(
            summary.facts.site.as_deref(),
            Some("Default-First-Site-Name")
        );
        assert!(summary.facts.dc_guid.is_some() && summary.unusable.is_empty());
        for (kind, filter) in [
            (
                ObjectKind::User,
                "(&(objectCategory=person)(objectClass=user))",
            ),
            (ObjectKind::Group, "(objectClass=group)"),
            (ObjectKind::Computer, "(objectCategory=computer)"),
        ] {
            let truth = forests.sam(side).search(filter, &[]).unwrap();
            let ours: BTreeMap<_, _> = objects
                .iter()
                .filter(|o| o.kind == kind)
                .map(|o| (o.guid.to_string(), o))
                .collect();
            assert_eq!(ours.len(), truth.len(), "{side} {kind:?}");
            assert_eq!(summary.counts[&kind], truth.len() as u64);
            for entry in &truth {
                assert_same(ours[&one(entry, "objectGUID").unwrap()], entry);
            }
            println!(
                "import {side} {kind:?}: {} objects equal in every field",
                truth.len()
            );
        }
        let users = objects
            .iter()
            .filter(|o| o.kind == ObjectKind::User)
            .count();
        assert!(users >= domain.users.len());
        if side == "source" {
            let with_history = objects.iter().filter(|o| !o.sid_history.is_empty()).count();
            assert_eq!(
                with_history,
                domain
                    .users
                    .iter()
                    .filter(|u| !u.sid_history.is_empty())
                    .count()
            );
        }
    }
}

fn assert_same(object: &ImportedObject, entry: &Printed) {
    assert_eq!(Some(object.dn.clone()), one(entry, "dn"));
    assert_eq!(
        object.sid.as_ref().map(ToString::to_string),
        one(entry, "objectSid")
    );
    assert_eq!(
        Some(object.account_name.clone()),
        one(entry, "sAMAccountName")
    );
    assert_eq!(object.upn, one(entry, "userPrincipalName"));
    assert_eq!(object.mail, one(entry, "mail"));
    assert_eq!(object.display_name, one(entry, "displayName"));
    assert_eq!(object.dns_host_name, one(entry, "dNSHostName"));
    assert_eq!(object.operating_system, one(entry, "operatingSystem"));
    assert_eq!(
        object.usn_changed.map(|n| n.to_string()),
        one(entry, "uSNChanged")
    );
    let history: Vec<_> = object.sid_history.iter().map(ToString::to_string).collect();
    let mut truth = entry.get("sIDHistory").cloned().unwrap_or_default();
    truth.sort();
    assert_eq!(history, truth);
    let employee = object
        .attributes
        .get("employeeID")
        .cloned()
        .unwrap_or_default();
    assert_eq!(
        employee,
        entry.get("employeeID").cloned().unwrap_or_default()
    );
    let control: i64 = one(entry, "userAccountControl").map_or(0, |text| text.parse().unwrap());
    assert_eq!(object.enabled, control & 2 == 0, "{}", object.dn);
}

fn the_same_objects_come_over_every_way_in(forests: &Forests) {
    let base = settings(forests, "source", plan::READ).unwrap();
    let (expected, _) = import(&base);
    let mut ways = Vec::new();
    let mut start_tls = base.clone();
    start_tls.transport = Transport::StartTls;
    start_tls.port = 389;
    start_tls.page_size = 7;
    ways.push(("StartTLS, pages of 7", start_tls));
    for (what, account) in [
        ("DOMAIN\\user", format!("SOURCE\\{}", plan::READ)),
        (
            "DN",
            format!("CN={},CN=Users,DC=source,DC=test", plan::READ),
        ),
    ] {
        let mut way = base.clone();
        way.bind.account = account;
        ways.push((what, way));
    }
    for (what, pin) in [
        ("pin of the certificate", certificate_sha256(forests)),
        ("pin of the key", key_sha256(forests)),
    ] {
        let mut way = base.clone();
        way.trust = Trust::Pin { sha256: pin };
        ways.push((what, way));
    }
    for (what, way) in ways {
        assert_eq!(import(&way).0, expected, "{what}");
        println!("import by {what}: {} objects, the same", expected.len());
    }
    let mut narrow = base;
    narrow.base_dn = Some("OU=Zürich\\, HQ,OU=People,DC=source,DC=test".into());
    let (objects, _) = import(&narrow);
    let plan = forests
        .plan()
        .source
        .users
        .iter()
        .filter(|user| user.ou.contains("Zürich"))
        .count();
    assert_eq!(objects.len(), plan);
}

fn big_groups_are_read_to_the_end(forests: &Forests) {
    let settings = settings(forests, "source", plan::READ).unwrap();
    let group = guid(forests, "source", "SRC-Only-0");
    let members = wait(AdDirectory.members(&settings, group)).unwrap();
    let truth = forests
        .sam("source")
        .search("(sAMAccountName=SRC-Only-0)", &["member"])
        .unwrap();
    let mut truth = truth[0]["member"].clone();
    truth.sort();
    assert!(truth.len() > 1000, "{}", truth.len());
    assert_eq!(members, truth);
    println!("members: {} in slices of 1,000", members.len());
}

fn each_failure_of_a_connection_has_its_own_words(forests: &Forests) {
    let good = settings(forests, "source", plan::READ).unwrap();
    let report = wait(AdDirectory.test_connection(&good));
    assert!(report.is_ok(), "{report:?}");
    let change = |edit: &dyn Fn(&mut ConnectionSettings)| {
        let mut settings = good.clone();
        settings.timeouts.connect = Duration::from_secs(3);
        edit(&mut settings);
        settings
    };
    let blind = settings(forests, "source", plan::BLIND).unwrap();
    let cases = [
        (
            CheckName::Name,
            "name_not_found",
            change(&|s| {
                s.host = "no-such-dc.invalid".into();
                s.address = None;
            }),
        ),
        (CheckName::Port, "port_refused", change(&|s| s.port = 637)),
        (
            CheckName::Tls,
            "certificate_unknown_issuer",
            change(&|s| s.trust = Trust::System),
        ),
        (
            CheckName::Tls,
            "certificate_name_mismatch",
            change(&|s| s.host = "dc2.source.test".into()),
        ),
        (
            CheckName::Tls,
            "certificate_pin_mismatch",
            change(&|s| {
                s.trust = Trust::Pin {
                    sha256: "00".repeat(32),
                }
            }),
        ),
        (CheckName::Tls, "not_tls", change(&|s| s.port = 389)),
        (
            CheckName::Tls,
            "not_tls",
            change(&|s| {
                s.transport = Transport::StartTls;
                s.port = 88;
            }),
        ),
        (
            CheckName::Credentials,
            "wrong_credentials",
            change(&|s| s.bind.password = Secret::new("wrong")),
        ),
        (
            CheckName::Credentials,
            "setting",
            change(&|s| s.bind.password = Secret::new("")),
        ),
        (
            CheckName::BaseDn,
            "no_such_object",
            change(&|s| s.base_dn = Some("OU=Nowhere,DC=source,DC=test".into())),
        ),
        (
            CheckName::BaseDn,
            "bad_dn",
            change(&|s| s.base_dn = Some("this is no DN".into())),
        ),
        (CheckName::Rights, "objects_unreadable", blind),
    ];
    println!("\n| check | code | cause | what to do |\n|---|---|---|---|");
    for (name, code, settings) in cases {
        let report = wait(AdDirectory.test_connection(&settings));
        let (failed, problem) = report
            .failure()
            .unwrap_or_else(|| panic!("{code}: {report:?}"));
        println!(
            "| {failed:?} | {} | {} | {} |",
            problem.code, problem.cause, problem.remedy
        );
        assert_eq!((failed, problem.code), (name, code), "{report:?}");
        let mut seen = false;
        for check in &report.checks {
            match (&check.outcome, seen) {
                (CheckOutcome::Failed(_), _) => seen = true,
                (CheckOutcome::Ok { .. }, false) | (CheckOutcome::NotRun, true) => {}
                other => panic!("checks run in order and stop at the first failure: {other:?}"),
            }
            let shown = format!("{check:?}");
            assert!(!shown.contains(good.bind.password.expose()));
        }
    }
    println!();
}

fn import(settings: &ConnectionSettings) -> (Vec<ImportedObject>, gw_directory::ImportSummary) {
    let mut sink = Keep(Vec::new());
    let summary =
        wait(AdDirectory.import(settings, &ImportRequest::everything(), &mut sink)).unwrap();
    assert!(
        sink.0
            .iter()
            .all(|page| page.objects.len() <= settings.page_size as usize)
    );
    let mut objects: Vec<_> = sink.0.into_iter().flat_map(|page| page.objects).collect();
    objects.sort_by_key(|object| object.guid);
    (objects, summary)
}

struct Keep(Vec<ImportPage>);

impl ImportSink for Keep {
    fn page(&mut self, page: ImportPage) -> BoxFuture<'_, Result<(), SinkStopped>> {
        self.0.push(page);
        Box::pin(async { Ok(()) })
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(async { tokio::time::timeout(Duration::from_secs(60), future).await })
        .expect("an answer within a minute")
}

fn one(entry: &Printed, name: &str) -> Option<String> {
    entry.get(name).and_then(|values| values.first().cloned())
}

fn computer(forests: &Forests, side: &str, name: &str) -> Printed {
    let mut found = forests
        .sam(side)
        .search(&format!("(sAMAccountName={name}$)"), &[])
        .unwrap();
    assert_eq!(found.len(), 1, "{name}");
    found.remove(0)
}

fn guid(forests: &Forests, side: &str, account: &str) -> Guid {
    let found = forests
        .sam(side)
        .search(&format!("(sAMAccountName={account})"), &["objectGUID"])
        .unwrap();
    one(&found[0], "objectGUID").unwrap().parse().unwrap()
}

fn certificate_sha256(forests: &Forests) -> String {
    let file = forests.certificate_file("source");
    let text = openssl(&[
        "x509",
        "-in",
        &file.display().to_string(),
        "-noout",
        "-fingerprint",
        "-sha256",
    ]);
    text.split_once('=').unwrap().1.trim().to_owned()
}

fn key_sha256(forests: &Forests) -> String {
    let file = forests.certificate_file("source").display().to_string();
    let script = format!(
        "openssl x509 -in '{file}' -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -c1-64"
    );
    let out = std::process::Command::new("sh")
        .args(["-c", &script])
        .output()
        .unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

fn openssl(arguments: &[&str]) -> String {
    let out = std::process::Command::new("openssl")
        .args(arguments)
        .output()
        .unwrap();
    assert!(out.status.success());
    String::from_utf8(out.stdout).unwrap()
}
