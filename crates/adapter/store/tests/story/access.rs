//! Administrators, customers, the audit trail, and units that fail.

use crate::support::*;
use chrono::TimeDelta;
use gw_model::*;
use gw_store::*;

pub(crate) async fn access(store: &Store) {
    let ann = AdminRecord {
        id: id(1),
        name: "Änn".into(),
        password_hash: "hash".into(),
        created_at: noon(),
    };
    let twin = AdminRecord {
        id: id(2),
        name: "äNN ".into(),
        ..ann.clone()
    };
    let added = change!(store, tx => (tx.add_admin(&ann).await?, tx.add_admin(&twin).await?));
    assert_eq!(added, (true, false), "names are taken in any case");
    let mut tx = store.read().await.unwrap();
    assert_eq!(
        tx.admin_by_name("ÄNN").await.unwrap().unwrap().created_at,
        noon()
    );
    let ends = noon() + TimeDelta::hours(1);
    change!(store, tx => tx.add_session(b"token", id::<AdminId>(1), noon(), ends).await?);
    assert_eq!(
        tx.session(b"token", noon())
            .await
            .unwrap()
            .unwrap()
            .admin_name,
        "Änn"
    );
    assert!(
        tx.session(b"token", ends).await.unwrap().is_none(),
        "it ends by itself"
    );
    change!(store, tx => { tx.set_setting("a", "1").await?; tx.set_setting("a", "2").await? });
    assert_eq!(tx.setting("a").await.unwrap().as_deref(), Some("2"));
}

pub(crate) async fn customers(store: &Store) -> CustomerId {
    let customer: CustomerId = id(10);
    let new = CustomerRecord {
        id: customer,
        name: "Contoso".into(),
        epoch: 5,
        revision: 1,
        created_at: noon(),
    };
    let twin = CustomerRecord {
        id: id(11),
        name: "CONTOSO".into(),
        ..new.clone()
    };
    let added = change!(store, tx => (tx.add_customer(&new).await?, tx.add_customer(&twin).await?));
    assert_eq!(added, (true, false));
    assert_eq!(
        change!(store, tx => (tx.raise_epoch(customer, 3).await?, tx.raise_epoch(customer, 100).await?)),
        (6, 100)
    );
    let key = CustomerKey {
        customer,
        purpose: KeyPurpose::Root,
        key_id: "k".into(),
        algorithm: "ed25519".into(),
        public_key: "p".into(),
        sealed_private: vec![0, 255, 1],
        not_before: noon(),
        not_after: noon(),
        revoked_at: None,
    };
    let kept = key.clone();
    change!(store, tx => tx.add_customer_key(&kept).await?);
    assert_eq!(
        store
            .read()
            .await
            .unwrap()
            .customer_keys(customer)
            .await
            .unwrap(),
        [key]
    );
    customer
}

pub(crate) async fn trail(store: &Store, customer: CustomerId) {
    let row = NewAudit {
        id: id::<AuditId>(2000),
        customer: Some(customer),
        at: noon(),
        actor: "Ann".into(),
        action: "batch.create".into(),
        object: Some("bat_1".into()),
        detail: "made batch Pilot".into(),
        source: None,
    };
    change!(store, tx => tx.add_audit(&row).await?);
    for n in 0..3_u128 {
        let refusal = Refusal {
            id: id(2001 + n),
            customer: Some(customer),
            cause: "replayed",
            source: "203.0.113.9".into(),
            first: noon() + TimeDelta::minutes(i64::try_from(n).unwrap() * 40),
            last: noon() + TimeDelta::minutes(i64::try_from(n).unwrap() * 40),
            count: 10,
            detail: "again".into(),
        };
        change!(store, tx => tx.count_refusal(&refusal).await?);
    }
    let mut tx = store.read().await.unwrap();
    let refused = tx
        .audit(None, Some("agent.refused"), None, None, 10)
        .await
        .unwrap();
    let counts: Vec<i64> = refused.iter().map(|row| row.count).collect();
    assert_eq!(counts, [10, 20], "one row per hour, newest first");
    assert_eq!(
        tx.refusals_since(customer, noon() - TimeDelta::hours(1))
            .await
            .unwrap(),
        30
    );
    assert_eq!(
        tx.audit(Some(customer), Some("batch"), Some("PILOT"), None, 10)
            .await
            .unwrap()
            .len(),
        1
    );
    assert!(
        tx.audit(Some(customer), Some("bat"), None, None, 10)
            .await
            .unwrap()
            .is_empty(),
        "whole words of the action"
    );
    change!(store, tx => { tx.set_guide_mark(customer, "a", Some((noon(), "ann"))).await?; tx.set_guide_mark(customer, "b", Some((noon(), "ann"))).await?; tx.set_guide_mark(customer, "a", None).await? });
    assert_eq!(tx.guide_marks(customer).await.unwrap().len(), 1);
}

/// A unit that fails undoes itself alone, a unit that panics too, and others of its group stand.
pub(crate) async fn failures(store: &Store) {
    #[derive(Debug)]
    struct No;
    impl From<StoreError> for No {
        fn from(_: StoreError) -> Self {
            Self
        }
    }
    let good = store.write(Lane::Bulk, async |tx: &mut Tx| {
        tx.set_setting("good", "1").await
    });
    let bad = store.write(Lane::Agents, async |tx: &mut Tx| {
        tx.set_setting("bad", "1").await?;
        Err::<(), No>(No)
    });
    let worse = store.write(Lane::Agents, async |tx: &mut Tx| {
        tx.set_setting("worse", "1").await?;
        panic!("a bug, on purpose");
        #[expect(unreachable_code, reason = "gives the closure its type")]
        Ok::<(), StoreError>(())
    });
    let (good, bad, worse): (
        Result<(), StoreError>,
        Result<(), No>,
        Result<(), StoreError>,
    ) = tokio::join!(good, bad, worse);
    assert!(good.is_ok() && bad.is_err());
    assert!(matches!(worse, Err(StoreError::Closed)));
    let mut tx = store.read().await.unwrap();
    assert_eq!(tx.setting("good").await.unwrap().as_deref(), Some("1"));
    assert_eq!(
        (
            tx.setting("bad").await.unwrap(),
            tx.setting("worse").await.unwrap()
        ),
        (None, None)
    );
    // Many at once, all counted: nothing is lost between two that read the same number.
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let store = store.clone();
        tasks.spawn(async move {
            store
                .write(Lane::Agents, async move |tx: &mut Tx| {
                    let held: i64 = tx
                        .setting("n")
                        .await?
                        .and_then(|text| text.parse().ok())
                        .unwrap_or(0);
                    tx.set_setting("n", &(held + 1).to_string()).await
                })
                .await
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(tx.setting("n").await.unwrap().as_deref(), Some("50"));
}
