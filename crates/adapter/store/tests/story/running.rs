//! Agents, licences and runs.

use crate::support::*;
use chrono::TimeDelta;
use gw_model::*;
use gw_store::*;

pub(crate) async fn agents(store: &Store, customer: CustomerId, device: DeviceId) -> AgentId {
    let facts = DeviceFacts {
        computer_name: "PC-0".into(),
        domain: Some("source.test".into()),
        machine_sid: None,
        entra_device_id: None,
        serial: "SER-0".into(),
        smbios_uuid: None,
        disk_serial: None,
        boot_id: "b".into(),
        utc_offset_minutes: 60,
        os: OsFacts {
            edition: "Windows 11 Pro".into(),
            build: 22631,
            is_server: false,
        },
        agent_version: "0.1.0".into(),
    };
    let psk = PskRecord {
        id: id(70),
        customer,
        name: "Fleet".into(),
        wire_id: "01020304".into(),
        sealed_secret: vec![3; 40],
        policy: PskPolicy::Approve,
        created_at: noon(),
        expires_at: None,
        revoked_at: None,
        uses: 0,
    };
    let record = AgentRecord {
        id: id(80),
        customer,
        device,
        trust: DeviceTrust::Pending,
        live: true,
        key_id: "key-80".into(),
        signing_key: "s".into(),
        hpke_key: "h".into(),
        psk: Some(id::<PskId>(70)),
        policy: PskPolicy::Approve,
        facts: facts.clone(),
        enrolled_at: noon(),
        decided_at: None,
        decided_by: None,
        last_seen: None,
    };
    let (new, key) = (record.clone(), psk.clone());
    let added = change!(store, tx => {
        tx.add_psk(&key).await?;
        tx.count_psk_use(key.id).await?;
        let added = (tx.add_agent(&new).await?, tx.add_agent(&new).await?);
        tx.set_live_agent(device, new.id, DeviceTrust::Pending, &facts).await?;
        added
    });
    assert_eq!(added, (true, false));
    let mut tx = store.read().await.unwrap();
    assert_eq!(tx.agent_by_key("key-80").await.unwrap(), Some(record));
    assert_eq!(
        tx.psk_by_wire_id("01020304").await.unwrap().unwrap().uses,
        1
    );
    let revoked = change!(store, tx => (tx.revoke_psk(customer, id(70), noon()).await?, tx.revoke_psk(customer, id(70), noon()).await?));
    assert_eq!(revoked, (true, false));
    change!(store, tx => tx.set_agent_trust(id(80), DeviceTrust::Trusted, noon(), "ann").await?);
    let later = noon() + TimeDelta::seconds(30);
    change!(store, tx => tx.flush_seen(&[(id(80), later)]).await?);
    let seen = tx.device(customer, device).await.unwrap().unwrap();
    assert_eq!(
        (seen.trust, seen.last_seen, seen.serial.as_deref()),
        (Some(DeviceTrust::Trusted), Some(later), Some("SER-0"))
    );
    assert_eq!(tx.device_counts(customer).await.unwrap(), [3, 0, 1, 0, 0]);
    assert_eq!(tx.devices_named(customer, "ser-0").await.unwrap().len(), 1);
    id(80)
}

pub(crate) async fn licences(store: &Store, customer: CustomerId, devices: &[DeviceId]) {
    let record = LicenceRecord {
        licence: Licence {
            id: id(90),
            product: LicenceProduct::MigrationAgent,
            licensee: "Contoso".into(),
            source: "Source.test".into(),
            target: "target.test".into(),
            devices: 1,
            trial: true,
            not_before: noon() - TimeDelta::days(1),
            not_after: noon() + TimeDelta::days(1),
        },
        customer,
        issuer: "i".into(),
        text: "gwl1.x".into(),
        applied_at: noon(),
        used: 0,
    };
    let new = record.clone();
    let added = change!(store, tx => (tx.add_licence(&new).await?, tx.add_licence(&new).await?));
    assert_eq!(added, (true, false));
    let claim = |device| SeatClaim {
        customer,
        device,
        source: "SOURCE.test".into(),
        target: "target.test.".into(),
        now: noon(),
    };
    let (one, two) = (claim(devices[0]), claim(devices[1]));
    let (a, b) = (one.clone(), two.clone());
    let taken = change!(store, tx => (tx.claim_seat(&a).await?, tx.claim_seat(&a).await?, tx.claim_seat(&b).await?));
    assert_eq!(
        (&taken.0, &taken.1),
        (&Ok(id::<LicenceId>(90)), &Ok(id(90))),
        "counted once"
    );
    assert!(matches!(
        taken.2,
        Err(LicenceRefusal::Exhausted { devices: 1, .. })
    ));
    let first = devices[0];
    change!(store, tx => tx.release_seats(first).await?);
    let mut tx = store.read().await.unwrap();
    assert_eq!(
        tx.seat(&one).await.unwrap(),
        None,
        "nothing was ordered, so the seat is free again"
    );
    change!(store, tx => { tx.claim_seat(&one).await?.unwrap(); tx.use_seats(first).await?; tx.release_seats(first).await? });
    assert_eq!(
        tx.licence_seats(customer, id(90)).await.unwrap().len(),
        1,
        "used is used"
    );
    assert!(!change!(store, tx => tx.remove_licence(customer, id(90)).await?));
}

pub(crate) async fn runs(
    store: &Store,
    customer: CustomerId,
    device: DeviceId,
    agent: AgentId,
    runbook: RunbookId,
) {
    let mut run = RunRecord {
        id: id(1000),
        customer,
        device,
        device_name: "PC-0".into(),
        incarnation: 1,
        order: id(1001),
        batch: None,
        runbook,
        runbook_name: "Main".into(),
        runbook_version: 2,
        kind: RunKind::Run,
        state: RunState::Ordered,
        result: None,
        reason: String::new(),
        step: None,
        done: 0,
        total: 0,
        reboots: 0,
        ordered_at: noon(),
        started_at: None,
        ended_at: None,
    };
    let order = OrderRecord {
        id: id(1001),
        customer,
        device,
        agent,
        sequence: 1,
        kind: RunKind::Run,
        batch: None,
        runbook,
        runbook_version: 2,
        run: id(1000),
        body: "{}".into(),
        state: OrderState::Open,
        created_at: noon(),
    };
    let (new, given) = (run.clone(), order.clone());
    change!(store, tx => { tx.add_order(&given).await?; tx.add_run(&new).await? });
    let mut tx = store.read().await.unwrap();
    assert_eq!(tx.live_orders(device).await.unwrap(), [order]);
    let moved = change!(store, tx => (tx.set_order_state(id::<OrderId>(1001), OrderState::Taken).await?, tx.set_order_state(id(1001), OrderState::Void).await?));
    assert_eq!(moved, (true, false), "what has begun is not withdrawn");
    run.state = RunState::Finished;
    run.result = Some(FinalState::Migrated);
    run.step = Some(StepName::Verify);
    run.ended_at = Some(noon());
    let ended = run.clone();
    let step = StepRecord {
        name: StepName::Join,
        state: StepState::Running,
        detail: String::new(),
        done: 0,
        total: 0,
        started_at: Some(noon()),
        ended_at: None,
    };
    let done = StepRecord {
        state: StepState::Done,
        started_at: None,
        ended_at: Some(noon()),
        ..step.clone()
    };
    let adopted = change!(store, tx => {
        tx.update_run(&ended).await?;
        tx.put_step(id(1000), &step).await?;
        tx.put_step(id(1000), &done).await?;
        (tx.adopt_report(device, "r1", noon()).await?, tx.adopt_report(device, "r1", noon()).await?)
    });
    assert_eq!(adopted, (true, false));
    assert_eq!(
        tx.run(customer, id::<RunId>(1000)).await.unwrap(),
        Some(run.clone())
    );
    let steps = tx.steps(id(1000)).await.unwrap();
    assert_eq!(
        (steps.len(), steps[0].state, steps[0].started_at),
        (1, StepState::Done, Some(noon())),
        "the start is kept"
    );
    let filter = RunFilter {
        result: Some(FinalState::Migrated),
        search: Some("pc-0".into()),
        ..RunFilter::default()
    };
    assert_eq!(tx.runs(customer, &filter, None, 10).await.unwrap(), [run]);
    let standing = tx
        .standing(customer, noon() + TimeDelta::days(2))
        .await
        .unwrap();
    assert_eq!(
        (standing.migrated, standing.running, standing.silent),
        (1, 0, 1)
    );
    assert_eq!(
        tx.finished_runs(customer, RunKind::Run).await.unwrap(),
        (1, 1)
    );
    let chunk = |first: i64, worst| LogChunk {
        customer,
        device,
        run: Some(id(1000)),
        first,
        last: first + 1,
        first_at: noon() + TimeDelta::seconds(first),
        worst,
        body: vec![0, 1, 255],
    };
    let (one, two) = (chunk(1, Severity::Info), chunk(3, Severity::Error));
    let (a, b) = (one.clone(), two.clone());
    let added =
        change!(store, tx => (tx.add_log(&a).await?, tx.add_log(&b).await?, tx.add_log(&a).await?));
    assert_eq!(added, (true, true, false));
    assert_eq!(
        tx.logs(customer, None, None, None, None, 10).await.unwrap(),
        [two.clone(), one.clone()]
    );
    assert_eq!(
        tx.logs(customer, None, None, Some(Severity::Warning), None, 10)
            .await
            .unwrap(),
        std::slice::from_ref(&two)
    );
    let before = Some((two.first_at, two.device, two.first));
    assert_eq!(
        tx.logs(customer, Some(device), None, None, before, 10)
            .await
            .unwrap(),
        [one]
    );
    assert_eq!(tx.last_log_line(device).await.unwrap(), 4);
}
