//! Runbooks, devices and batches.

use crate::support::*;
use gw_model::*;
use gw_store::*;

pub(crate) async fn runbooks(store: &Store, customer: CustomerId) -> RunbookId {
    let first = RunbookRecord {
        id: id(50),
        customer,
        name: "Main".into(),
        version: 1,
        document: "{}".into(),
        hash: "h1".into(),
        sealed_secret: None,
        saved_at: noon(),
        saved_by: "ann".into(),
    };
    let second = RunbookRecord {
        version: 2,
        hash: "h2".into(),
        sealed_secret: Some(vec![9]),
        ..first.clone()
    };
    let (one, two) = (first.clone(), second.clone());
    let saved = change!(store, tx => (tx.add_runbook(&one).await?, tx.update_runbook(&two).await?, tx.update_runbook(&two).await?));
    assert_eq!(saved, (true, true, false));
    let mut tx = store.read().await.unwrap();
    assert_eq!(
        tx.runbook(customer, id(50)).await.unwrap(),
        Some(second.clone())
    );
    let old = tx
        .runbook_version(customer, id(50), 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((old.hash.as_str(), old.version), ("h1", 1));
    assert_eq!(
        tx.runbook_versions(customer, id(50)).await.unwrap().len(),
        2
    );
    id(50)
}

pub(crate) async fn devices(
    store: &Store,
    customer: CustomerId,
    source: DirectoryId,
    target: DirectoryId,
) -> Vec<DeviceId> {
    let mut all = Vec::new();
    for n in 0..4_u128 {
        let computer = object(source, 500 + n, ObjectKind::Computer, &format!("PC-{n}$"));
        let made = change!(store, tx => (
            tx.ensure_device(customer, id(600 + n), &computer, noon()).await?,
            tx.ensure_device(customer, id(700 + n), &computer, noon()).await?
        ));
        assert_eq!(
            made,
            (true, false),
            "an import again makes no second device"
        );
        all.push(id(600 + n));
    }
    let renamed = object(source, 500, ObjectKind::Computer, "PC-0-NEW$");
    change!(store, tx => assert!(tx.ensure_device(customer, id(799), &renamed, noon()).await?));
    let mut tx = store.read().await.unwrap();
    assert_eq!(
        tx.device(customer, all[0]).await.unwrap().unwrap().name,
        "PC-0-NEW"
    );
    // Moved to the target, and its account there is imported afterwards.
    let account = object(target, 510, ObjectKind::Computer, "PC-3$");
    let (guid, sid, third) = (account.guid, account.sid.clone().unwrap(), all[3]);
    change!(store, tx => tx.link_prepared(third, target, guid, &sid, noon()).await?);
    change!(store, tx => assert!(!tx.ensure_device(customer, id(798), &account, noon()).await?));
    assert_eq!(
        tx.device(customer, third).await.unwrap().unwrap().directory,
        Some(source),
        "not moved yet"
    );
    let sid = "S-1-5-21-1-2-3-510".parse().unwrap();
    change!(store, tx => tx.place_device(third, target, guid, &sid, noon()).await?);
    let moved = tx.device(customer, third).await.unwrap().unwrap();
    assert_eq!((moved.directory, moved.guid), (Some(target), Some(guid)));
    let links = tx.device_links(third).await.unwrap();
    assert_eq!(links.iter().filter(|link| link.until.is_none()).count(), 1);
    let found = tx
        .devices(
            customer,
            &DeviceFilter {
                search: Some("pc-1".into()),
                ..DeviceFilter::default()
            },
            None,
            10,
        )
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(tx.devices_named(customer, "pc-2$").await.unwrap().len(), 1);
    let numbers = change!(store, tx => (tx.next_order_number(third).await?, tx.next_order_number(third).await?));
    assert_eq!(numbers, (1, 2));
    all
}

pub(crate) async fn batches(
    store: &Store,
    customer: CustomerId,
    source: DirectoryId,
    target: DirectoryId,
    runbook: RunbookId,
    devices: &[DeviceId],
) {
    let window = Window::new(at("2026-11-22T20:00:00Z").naive_utc(), None, Zone::Local).unwrap();
    let batch = |n: u128, name: &str, mode| BatchRecord {
        id: id(n),
        customer,
        name: name.into(),
        source,
        target,
        mode,
        runbooks: vec![BatchRunbook { runbook, window }],
        revision: 1,
        created_at: noon(),
    };
    let [pilot, late, all, other] = [
        batch(60, "Pilot", ScopeMode::Only),
        batch(61, "Late", ScopeMode::Only),
        batch(62, "All", ScopeMode::AllExcept),
        batch(63, "Others", ScopeMode::AllExcept),
    ];
    let new = [pilot.clone(), late.clone(), all.clone(), other.clone()];
    let added = change!(store, tx => { let mut added = vec![]; for batch in &new { added.push(tx.add_batch(batch).await?) } added });
    assert_eq!(added, [true, true, true, false], "one catch-all per source");
    let mut tx = store.read().await.unwrap();
    assert_eq!(
        tx.batch_clash(&other).await.unwrap(),
        Some(("All".into(), BatchClash::CatchAll))
    );
    assert_eq!(
        tx.batch(customer, id(60)).await.unwrap(),
        Some(pilot.clone())
    );
    let [first, second, third, elsewhere] = [devices[0], devices[1], devices[2], devices[3]];
    let clash = change!(store, tx => (
        tx.list_device(id(60), first).await?,
        tx.list_device(id(60), first).await?,
        tx.list_device(id(61), first).await?
    ));
    assert!(clash.0.is_none() && clash.1.is_none());
    assert_eq!(
        clash.2.unwrap().name,
        "Pilot",
        "two lists are refused by name"
    );
    assert!(change!(store, tx => tx.exempt_device(id(62), second).await?));
    let of = |device| async move {
        store
            .read()
            .await
            .unwrap()
            .membership(device)
            .await
            .unwrap()
            .map(|held| (held.name, held.explicit))
    };
    assert_eq!(
        of(first).await,
        Some(("Pilot".into(), true)),
        "a list beats the catch-all"
    );
    assert_eq!(of(second).await, None, "an exception");
    assert_eq!(of(third).await, Some(("All".into(), false)));
    assert_eq!(of(elsewhere).await, None, "it is in the target by now");
    assert_eq!(
        (
            tx.member_count(&pilot).await.unwrap(),
            tx.member_count(&all).await.unwrap()
        ),
        (1, 1)
    );
    assert_eq!(tx.batchless_count(customer).await.unwrap(), 2);
    change!(store, tx => tx.move_device(id(61), first).await?);
    assert_eq!(of(first).await, Some(("Late".into(), true)));
    assert_eq!(
        tx.batch_members(&late, Some("pc-0"), None, 10)
            .await
            .unwrap()[0]
            .device,
        first
    );
    assert_eq!(
        tx.batch_list(&all, None, None, 10).await.unwrap()[0].device,
        second
    );
    assert!(change!(store, tx => tx.remove_batch(customer, id::<BatchId>(61)).await?));
    assert_eq!(
        of(first).await,
        Some(("All".into(), false)),
        "it falls back to the catch-all"
    );
    assert_eq!(tx.runbook_users(runbook).await.unwrap(), ["All", "Pilot"]);
}
