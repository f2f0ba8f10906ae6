//! Imports, matches and the jobs that make them.

use crate::support::*;
use chrono::TimeDelta;
use gw_model::*;
use gw_store::*;
use uuid::Uuid;

pub(crate) async fn directories(store: &Store, customer: CustomerId) -> [DirectoryId; 2] {
    let record = |n: u128, name: &str| DirectoryRecord {
        id: id(n),
        customer,
        name: name.into(),
        kind: DirectoryKind::ActiveDirectory,
        domain: format!("{}.test", name.to_lowercase()),
        settings: "{}".into(),
        sealed_secret: Some(vec![1, 2]),
        generation: 0,
        imported_at: None,
        revision: 1,
        created_at: noon(),
    };
    let (source, target) = (record(20, "Source"), record(21, "Target"));
    let (one, two) = (source.clone(), target.clone());
    change!(store, tx => { assert!(tx.add_directory(&one).await?); assert!(tx.add_directory(&two).await?) });
    let mut changed = source.clone();
    changed.name = "Old domain".into();
    let one = changed.clone();
    let saved = change!(store, tx => (tx.update_directory(&one, 1).await?, tx.update_directory(&one, 1).await?));
    assert_eq!(saved, (true, false), "the second came too late");
    changed.revision = 2;
    assert_eq!(
        store
            .read()
            .await
            .unwrap()
            .directory(customer, id(20))
            .await
            .unwrap(),
        Some(changed)
    );
    [id(20), id(21)]
}

/// An import shows at once or not at all.
pub(crate) async fn imports(store: &Store, customer: CustomerId, directory: DirectoryId) {
    let put = |object: DirectoryObject, generation: i64, fingerprint: i64| async move {
        let stored = StoredObject {
            object,
            fingerprint,
        };
        change!(store, tx => tx.put_object(&stored, generation).await?);
    };
    let users = |search: Option<&'static str>| async move {
        let mut tx = store.read().await.unwrap();
        let found = tx
            .objects(directory, Some(ObjectKind::User), search, None, 100)
            .await
            .unwrap();
        found
            .into_iter()
            .map(|object| object.account_name)
            .collect::<Vec<_>>()
    };
    for (n, name) in [
        (101, "zoë"),
        (102, "Ann O'Neil"),
        (103, "50%_off"),
        (104, "Ωmega"),
    ] {
        put(object(directory, n, ObjectKind::User, name), 1, 1).await;
    }
    put(object(directory, 105, ObjectKind::Computer, "PC-1$"), 1, 1).await;
    assert!(users(None).await.is_empty(), "not shown yet");
    change!(store, tx => tx.flip_directory(directory, 1, noon()).await?);
    assert_eq!(
        users(None).await,
        ["50%_off", "Ann O'Neil", "zoë", "Ωmega"],
        "by bytes of the folded name, on both databases alike"
    );
    assert_eq!(users(Some("o'neil ANN")).await, ["Ann O'Neil"]);
    assert_eq!(
        users(Some("0%_")).await,
        ["50%_off"],
        "wildcards are letters"
    );
    assert_eq!(users(Some("ωMEGA")).await, ["Ωmega"]);
    assert!(users(Some("a_n")).await.is_empty());
    let mut tx = store.read().await.unwrap();
    let all = tx.objects(directory, None, None, None, 2).await.unwrap();
    let after = After {
        key: fold(&all[1].account_name),
        id: all[1].id.0,
    };
    let rest = tx
        .objects(directory, None, None, Some(&after), 100)
        .await
        .unwrap();
    assert_eq!(
        (all.len(), rest.len()),
        (2, 3),
        "pages neither overlap nor leave out"
    );
    let counts = tx.object_counts(directory).await.unwrap();
    assert_eq!((counts.users, counts.groups, counts.computers), (4, 0, 1));

    // The next generation: one renamed, one gone; interrupted, thrown away, and done again.
    for attempt in 0..2 {
        change!(store, tx => tx.discard_objects_above(directory, 1).await?);
        change!(store, tx => { tx.end_object(id(101), 2).await?; tx.end_object(id(102), 2).await? });
        put(object(directory, 101, ObjectKind::User, "zoë new"), 2, 2).await;
        assert_eq!(
            users(None).await.len(),
            4,
            "attempt {attempt}: readers see the old generation whole"
        );
    }
    change!(store, tx => tx.flip_directory(directory, 2, noon()).await?);
    assert_eq!(users(None).await, ["50%_off", "zoë new", "Ωmega"]);
    let keys = tx
        .import_keys(directory, 2, Guid(Uuid::nil()), 100)
        .await
        .unwrap();
    assert_eq!(keys.len(), 4);
    assert!(
        keys.iter()
            .any(|key| key.id == id(101) && key.fingerprint == 2)
    );
    let swept = change!(store, tx => (tx.sweep_objects(directory, 2, 1).await?, tx.sweep_objects(directory, 2, 9).await?));
    assert_eq!(swept, (1, 1));
    assert_eq!(users(None).await.len(), 3);
    assert_eq!(
        tx.object(customer, id(101))
            .await
            .unwrap()
            .unwrap()
            .attributes["employeeID"],
        ["7"]
    );
    assert!(
        tx.object(id(999), id(101)).await.unwrap().is_none(),
        "not another customer's"
    );
    let sid = "S-1-5-21-1-2-3-105".parse().unwrap();
    assert_eq!(
        tx.computer_by_sid(customer, &sid)
            .await
            .unwrap()
            .unwrap()
            .account_name,
        "PC-1$"
    );
}

pub(crate) async fn matches(
    store: &Store,
    customer: CustomerId,
    source: DirectoryId,
    target: DirectoryId,
) {
    let profile = ProfileRecord {
        id: id(30),
        customer,
        name: "Users".into(),
        source,
        target,
        rules: "{}".into(),
        generation: 0,
        basis: String::new(),
        synced_at: None,
        revision: 1,
        created_at: noon(),
    };
    let new = profile.clone();
    change!(store, tx => assert!(tx.add_profile(&new).await?));
    assert_eq!(
        store
            .read()
            .await
            .unwrap()
            .profiles(customer)
            .await
            .unwrap(),
        [profile]
    );
    let row = |n: u128, name: &str, outcome| MatchRecord {
        profile: id(30),
        kind: ObjectKind::User,
        outcome,
        source_directory: source,
        source: id(n),
        source_guid: Guid(Uuid::from_u128(n)),
        source_name: name.into(),
        source_upn: Some(format!("{name}@source.test")),
        source_dn: format!("CN={name}"),
        source_sid: Some(format!("S-1-5-21-1-2-3-{n}").parse().unwrap()),
        source_sid_history: if n == 201 {
            vec!["S-1-5-21-9-9-9-1".parse().unwrap()]
        } else {
            vec![]
        },
        target_directory: target,
        target: (outcome == MatchOutcome::Matched).then(|| id(n + 100)),
        target_guid: (outcome == MatchOutcome::Matched).then(|| Guid(Uuid::from_u128(n + 100))),
        target_name: None,
        target_upn: None,
        target_dn: None,
        target_sid: (outcome == MatchOutcome::Matched)
            .then(|| format!("S-1-5-21-7-7-7-{n}").parse().unwrap()),
        explanation: "{}".into(),
    };
    let rows = [
        row(201, "ann", MatchOutcome::Matched),
        row(202, "bob", MatchOutcome::Unmatched),
        row(203, "cy", MatchOutcome::Ambiguous),
    ];
    let put = rows.clone();
    change!(store, tx => for row in &put { tx.put_match(customer, row, 1).await? });
    let mut tx = store.read().await.unwrap();
    assert!(
        tx.matches(customer, &MatchFilter::default(), None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    change!(store, tx => tx.flip_profile(id(30), 1, "basis", noon()).await?);
    assert_eq!(
        tx.matches(customer, &MatchFilter::default(), None, 10)
            .await
            .unwrap(),
        rows
    );
    let ambiguous = MatchFilter {
        outcome: Some(MatchOutcome::Ambiguous),
        search: Some("CY@".into()),
        ..MatchFilter::default()
    };
    assert_eq!(
        tx.matches(customer, &ambiguous, None, 10).await.unwrap(),
        rows[2..]
    );
    assert_eq!(
        tx.match_counts(customer, None)
            .await
            .unwrap()
            .map(|(_, n)| n),
        [1, 1, 1]
    );
    let found = tx
        .pair_by_sid(customer, rows[0].source_sid.as_ref().unwrap())
        .await
        .unwrap();
    assert_eq!(found, rows[..1]);
    assert!(
        tx.pair_by_sid(customer, rows[1].source_sid.as_ref().unwrap())
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(tx.pairs_with_history(customer).await.unwrap(), rows[..1]);
    assert_eq!(
        tx.matches_of_object(customer, id::<ObjectId>(301))
            .await
            .unwrap(),
        rows[..1],
        "as a target, too"
    );
    let keys = tx
        .match_keys(id::<ProfileId>(30), ObjectId(Uuid::nil()), 10)
        .await
        .unwrap();
    assert_eq!(keys[0].fingerprint, rows[0].fingerprint());
}

pub(crate) async fn jobs(store: &Store, customer: CustomerId) {
    let job = move |n: u128, kind, parent: Option<u128>| JobRecord {
        id: id(n),
        customer,
        parent: parent.map(id),
        kind,
        subject: Some("x".into()),
        subject_name: "X".into(),
        state: JobState::Queued,
        done: 0,
        total: None,
        message: String::new(),
        warnings: 0,
        errors: 0,
        created_at: noon(),
        started_at: None,
        ended_at: None,
    };
    change!(store, tx => {
        tx.add_job(&job(40, JobKind::Cycle, None)).await?;
        tx.add_job(&job(41, JobKind::Import, Some(40))).await?;
        tx.add_job(&job(42, JobKind::Sync, Some(40))).await?
    });
    let lease = noon() + TimeDelta::minutes(2);
    let claimed = change!(store, tx => (tx.claim_job("a", noon(), lease).await?, tx.claim_job("b", noon(), lease).await?, tx.claim_job("c", noon(), lease).await?));
    let ids = [&claimed.0, &claimed.1].map(|job| job.as_ref().map(|job| job.id));
    assert_eq!(
        ids,
        [Some(id(41)), Some(id(42))],
        "oldest first, a cycle never"
    );
    assert!(claimed.2.is_none());
    let late = lease + TimeDelta::seconds(1);
    let taken = change!(store, tx => tx.claim_job("c", late, late).await?);
    assert_eq!(
        taken.unwrap().id,
        id(41),
        "a worker that went away loses its lease"
    );
    let kept = change!(store, tx => (tx.progress_job(id(41), "a", late, 1, None, "").await?, tx.progress_job(id(41), "c", late, 7, Some(9), "half").await?));
    assert_eq!(kept, (false, true));
    change!(store, tx => {
        tx.add_job_message(id(41), noon(), Severity::Warning, "careful").await?;
        tx.add_job_message(id(41), noon(), Severity::Info, "fine").await?;
        tx.end_job(id(41), JobState::Succeeded, "done", late).await?;
        tx.end_job(id(41), JobState::Failed, "too late", late).await?
    });
    let mut tx = store.read().await.unwrap();
    let ended = tx.job_by_id(id::<JobId>(41)).await.unwrap().unwrap();
    assert_eq!(
        (
            ended.state,
            ended.done,
            ended.total,
            ended.warnings,
            ended.message.as_str()
        ),
        (JobState::Succeeded, 7, Some(9), 1, "done")
    );
    let lines = tx.job_messages(id(41), 1, 10).await.unwrap();
    assert_eq!(
        (lines.len(), lines[0].sequence, lines[0].severity),
        (1, 2, Severity::Info)
    );
    assert_eq!(
        tx.jobs(customer, None, 10).await.unwrap().len(),
        1,
        "children hang on their cycle"
    );
    let due = ScheduleRecord {
        customer,
        enabled: true,
        interval_minutes: 30,
        next_at: Some(noon()),
    };
    change!(store, tx => tx.set_schedule(&due).await?);
    assert_eq!(tx.due_schedules(noon()).await.unwrap(), [due]);
    assert!(
        tx.due_schedules(noon() - TimeDelta::seconds(1))
            .await
            .unwrap()
            .is_empty()
    );
}
