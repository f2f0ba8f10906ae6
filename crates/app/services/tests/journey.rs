//! From a first enrolment to a device in the target, through the real protocol.

mod support;

use chrono::TimeDelta;
use gw_model::{DeviceTrust, FinalState, ObjectKind, PskPolicy, RunKind, RunState};
use gw_services::{Ask, AuditFilter, GuideState, LogFilter, RunbookDraft};
use gw_store::{DeviceFilter, ScopeMode};
use gw_wire::{checkin::Verdict, op, order::OrderKind};
use support::{
    Server, actor,
    agent::{Agent, Refused},
    directory::MACHINE_SECRET,
};

const SOURCE: &str = "dc1.source.test";
const TARGET: &str = "dc1.target.test";

fn refused(status: u16, code: &str) -> Refused {
    Refused(status, code.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_moves_and_nothing_runs_twice() {
    let server = Server::new().await;
    let ann = server.directories.add(SOURCE, ObjectKind::User, "ann");
    server.directories.add(SOURCE, ObjectKind::User, "bob");
    let pc = server.directories.add(SOURCE, ObjectKind::Computer, "PC-1");
    let target_ann = server.directories.add(TARGET, ObjectKind::User, "ANN");
    let at = server.furnished().await;
    assert_eq!(
        server
            .services
            .translation_counts(at.customer)
            .await
            .unwrap(),
        [1, 1, 0]
    );
    server.licence(at.customer, 1).await;
    let batch = server
        .services
        .create_batch(
            &actor(),
            at.customer,
            at.batch("Pilot", ScopeMode::AllExcept),
        )
        .await
        .unwrap();
    assert_eq!((batch.listed, batch.members), (0, 1));
    let psk = server.psk(at.customer, PskPolicy::Approve).await;

    let mut agent = Agent::new(&psk, "PC-1", &pc);
    let enrolled = agent.enrol(&server).await.unwrap();
    assert_eq!(enrolled.trust, DeviceTrust::Pending);
    assert_eq!(
        agent.enrol(&server).await.unwrap().agent,
        enrolled.agent,
        "the same key, the same ids"
    );
    let (answer, orders) = agent.checkin(&server).await.unwrap();
    assert!(
        answer.trust == DeviceTrust::Pending && orders.is_empty(),
        "enrolled is not trusted"
    );
    let approved = server
        .services
        .approve_csv(&actor(), at.customer, b"serial;computer\nSER-PC-1;PC-1\n")
        .await
        .unwrap();
    assert_eq!((approved.added, approved.errors.len()), (1, 0));

    let (_, orders) = agent.checkin(&server).await.unwrap();
    assert_eq!(orders.len(), 1);
    let order = &orders[0];
    assert_eq!(
        (order.header.kind, order.header.batch),
        (OrderKind::Run, Some(batch.batch.id))
    );
    assert_eq!(order.body.target.as_ref().unwrap().dns_name, "target.test");
    assert!(
        order.header.window.is_some(),
        "the device judges the window itself"
    );
    let (_, again) = agent.checkin(&server).await.unwrap();
    assert!(again.is_empty(), "what it holds is not sent again");
    let (answer, _) = agent
        .checkin_with(&server, |ask| ask.confirm = Some(order.header.order))
        .await
        .unwrap();
    assert_eq!(answer.confirmed.unwrap().verdict, Verdict::Go);

    let seen = [
        ann.to_string(),
        "S-1-5-32-544".into(),
        "S-1-5-21-9-9-9-1".into(),
    ];
    let package = agent
        .stage(&server, order, &seen.each_ref().map(String::as_str))
        .await
        .unwrap();
    assert_eq!(
        package.pairs.len(),
        1,
        "only what the device has seen: {:?}",
        package.pairs
    );
    assert_eq!(
        (&package.pairs[0].source, &package.pairs[0].target),
        (&ann, &target_ann)
    );
    assert_eq!(package.pairs[0].target_name.as_deref(), Some("TARGET\\ANN"));
    let join = package.join.unwrap();
    assert_eq!(join.secret.expose(), MACHINE_SECRET.as_bytes());
    assert_eq!(join.account, "PC-1$");
    assert_eq!(join.directory.controllers[0].addresses, ["127.0.0.1"]);
    let done = server.directories.done.lock().unwrap().clone();
    assert_eq!(
        done,
        ["prepare PC-1 as svc-join@target.test join-secret-join-secret"]
    );

    let report = agent.result(&server, order, FinalState::Migrated);
    assert_eq!(
        agent
            .send(&server, vec![report.clone()])
            .await
            .accepted_through,
        1
    );
    assert_eq!(
        agent.send(&server, vec![report]).await.accepted_through,
        1,
        "a repeated report counts once"
    );
    let run = server
        .services
        .run(at.customer, order.header.run)
        .await
        .unwrap();
    assert_eq!(
        (run.run.state, run.run.result),
        (RunState::Finished, Some(FinalState::Migrated))
    );
    assert_eq!(
        (run.run.reboots, run.steps.len(), run.users.len()),
        (2, 1, 1)
    );
    let device = server
        .services
        .device(at.customer, enrolled.device)
        .await
        .unwrap();
    assert_eq!(
        device.device.directory,
        Some(at.target),
        "our row has moved along"
    );
    assert_eq!(device.links.len(), 2);

    agent.holding.clear();
    let (_, orders) = agent.checkin(&server).await.unwrap();
    assert!(orders.is_empty(), "a finished runbook does not run again");
    let lines = server
        .services
        .agent_logs(at.customer, &LogFilter::default(), &Ask::default())
        .await
        .unwrap();
    assert!(
        lines
            .items
            .iter()
            .any(|line| line.record.text.contains("verified")),
        "{lines:?}"
    );
    let guide = server.services.guide(at.customer).await.unwrap();
    let open: Vec<_> = guide
        .steps
        .iter()
        .filter(|step| step.state != GuideState::Done)
        .map(|step| step.key)
        .collect();
    assert_eq!(open, ["address"]);

    // The import after it finds the prepared account: no second device.
    server
        .services
        .start_cycle(&actor(), at.customer)
        .await
        .unwrap();
    server.services.run_due_jobs().await.unwrap();
    let page = server
        .services
        .devices(at.customer, &DeviceFilter::default(), &Ask::default())
        .await
        .unwrap();
    assert_eq!(page.items.len(), 1);
    let seats = server.services.licences(at.customer).await.unwrap();
    assert_eq!(seats[0].used, 1);
    server.services.stop().await;
    assert_no_secret(&server);
}

/// Nothing that must stay secret stands in the database, in whatever form it could.
fn assert_no_secret(server: &Server) {
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(&server.dir.0).unwrap() {
        let path = file.unwrap().path();
        if path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("godwit.db"))
        {
            bytes.extend(std::fs::read(path).unwrap());
        }
    }
    for secret in [
        "join-secret-join-secret",
        "reader-secret-reader-secret",
        MACHINE_SECRET,
    ] {
        let wide: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let forms = [
            secret.as_bytes().to_vec(),
            wide,
            gw_wire::bytes::encode(secret.as_bytes()).into_bytes(),
            hex::encode(secret).into_bytes(),
        ];
        for form in forms {
            assert!(
                !bytes.windows(form.len()).any(|part| part == form),
                "{secret} is in the database"
            );
        }
    }
}

/// A device of a runbook that renames, with its order.
async fn renamed(server: &Server, pattern: &str) -> (Agent, support::agent::Ordered) {
    let pc = server.directories.add(SOURCE, ObjectKind::Computer, "PC-1");
    server.directories.add(TARGET, ObjectKind::User, "ann");
    let mut at = server.furnished().await;
    server.licence(at.customer, 1).await;
    let mut document = support::document("Renames", at.source, at.target);
    document.device_state.rename = Some(pattern.to_owned());
    let draft = RunbookDraft {
        document: serde_json::to_value(document).unwrap(),
        join_password: Some("join-secret-join-secret".into()),
        return_password: None,
    };
    let services = &server.services;
    let made = services.create_runbook(&actor(), at.customer, draft).await;
    at.runbook = made.unwrap().runbook.id;
    let batch = at.batch("Pilot", ScopeMode::AllExcept);
    services
        .create_batch(&actor(), at.customer, batch)
        .await
        .unwrap();
    let psk = server.psk(at.customer, PskPolicy::FirstClaim).await;
    let mut agent = Agent::new(&psk, "PC-1", &pc);
    agent.enrol(server).await.unwrap();
    let (_, mut orders) = agent.checkin(server).await.unwrap();
    (agent, orders.remove(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drawn_name_is_drawn_again_when_it_is_taken() {
    let server = Server::new().await;
    let (agent, order) = renamed(&server, "W-%RAND:6%").await;
    server.directories.taken.lock().unwrap().0 = 3;
    let join = agent.stage(&server, &order, &[]).await.unwrap().join;
    let join = join.unwrap();
    let asked = server.directories.taken.lock().unwrap().1.clone();
    assert_eq!(asked.len(), 4, "{asked:?}");
    assert_eq!(join.computer_name, asked[3]);
    assert_eq!(join.account, format!("{}$", asked[3]));
    let others: std::collections::BTreeSet<_> = asked.iter().collect();
    assert_eq!(others.len(), 4, "each draw is another one: {asked:?}");
    // Asked again, it is the same account: it is kept with the run.
    let again = agent.stage(&server, &order, &[]).await.unwrap().join;
    assert_eq!(again.unwrap().computer_name, asked[3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_drawn_or_never_free_is_refused_in_words() {
    for (pattern, tries) in [("PC-%SERIAL%", 1), ("W-%RAND:6%", 10)] {
        let server = Server::new().await;
        let (agent, order) = renamed(&server, pattern).await;
        server.directories.taken.lock().unwrap().0 = 99;
        let error = agent.stage(&server, &order, &[]).await.unwrap_err();
        assert_eq!(error, refused(409, "stage-refused"), "{pattern}");
        let asked = server.directories.taken.lock().unwrap().1.len();
        assert_eq!(asked, tries, "{pattern}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drawn_name_never_takes_over_an_account() {
    let server = Server::new().await;
    // Every name but one is there already, and the runbook allows reuse.
    for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345678".chars() {
        let name = format!("W-{last}");
        server.directories.add(TARGET, ObjectKind::Computer, &name);
    }
    let (agent, order) = renamed(&server, "W-%RAND:1%").await;
    match agent.stage(&server, &order, &[]).await {
        Ok(package) => assert_eq!(package.join.unwrap().computer_name, "W-9"),
        Err(error) => assert_eq!(error, refused(409, "stage-refused")),
    }
    let done = server.directories.done.lock().unwrap().clone();
    assert!(
        done.iter().all(|line| line.starts_with("prepare W-9 ")),
        "{done:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_comes_back_and_waits_for_a_person() {
    let server = Server::new().await;
    let pc = server.directories.add(SOURCE, ObjectKind::Computer, "PC-1");
    server.directories.add(TARGET, ObjectKind::User, "ann");
    let at = server.furnished().await;
    server.licence(at.customer, 1).await;
    server
        .services
        .create_batch(
            &actor(),
            at.customer,
            at.batch("Pilot", ScopeMode::AllExcept),
        )
        .await
        .unwrap();
    let psk = server.psk(at.customer, PskPolicy::FirstClaim).await;
    let mut agent = Agent::new(&psk, "PC-1", &pc);
    let device = agent.enrol(&server).await.unwrap().device;
    let (_, orders) = agent.checkin(&server).await.unwrap();
    assert_eq!(
        agent.come_back(&server, &orders[0]).await.unwrap_err(),
        refused(404, "order-unknown"),
        "it has not begun"
    );
    agent.stage(&server, &orders[0], &[]).await.unwrap();
    let ticket = agent.come_back(&server, &orders[0]).await.unwrap();
    assert_eq!(
        ticket.join.secret.expose(),
        format!("fresh {MACHINE_SECRET}").as_bytes()
    );
    assert_eq!(ticket.join.directory.dns_name, "source.test");
    let report = agent.result(&server, &orders[0], FinalState::Returned);
    agent.send(&server, vec![report]).await;
    assert_eq!(
        agent.come_back(&server, &orders[0]).await.unwrap_err(),
        refused(409, "order-closed")
    );
    let detail = server.services.device(at.customer, device).await.unwrap();
    assert_eq!(detail.device.directory, Some(at.source));
    assert!(
        detail.eligibility[0]
            .decision
            .because()
            .contains("order it again")
    );
    agent.holding.clear();
    assert!(agent.checkin(&server).await.unwrap().1.is_empty());
    server
        .services
        .run_again(&actor(), at.customer, device, at.runbook)
        .await
        .unwrap();
    let (_, orders) = agent.checkin(&server).await.unwrap();
    assert!(orders[0].header.force && orders[0].header.window.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_and_with_which_words() {
    let server = Server::new().await;
    let pc = server.directories.add(SOURCE, ObjectKind::Computer, "PC-1");
    let at = server.furnished().await;
    let psk = server.psk(at.customer, PskPolicy::FirstClaim).await;

    // Not imported yet: refused, then enrols by itself after the import.
    let late = server.directories.add(SOURCE, ObjectKind::Computer, "PC-2");
    let mut second = Agent::new(&psk, "PC-2", &late);
    assert_eq!(
        second.enrol(&server).await.unwrap_err(),
        refused(403, "computer-unknown")
    );
    server
        .services
        .start_import(&actor(), at.customer, at.source)
        .await
        .unwrap();
    server.services.run_due_jobs().await.unwrap();
    assert_eq!(
        second.enrol(&server).await.unwrap().trust,
        DeviceTrust::Trusted
    );

    // A wrong secret behind a known tag, and a tag that nobody knows, look the same.
    let mut wrong = psk.clone();
    wrong.secret = gw_wire::secret::SecretBytes::new(vec![9; 16]);
    assert_eq!(
        Agent::new(&wrong, "PC-1", &pc)
            .enrol(&server)
            .await
            .unwrap_err(),
        refused(401, "psk-refused")
    );
    wrong.tag.0 = [1, 2, 3, 4];
    assert_eq!(
        Agent::new(&wrong, "PC-1", &pc)
            .enrol(&server)
            .await
            .unwrap_err(),
        refused(401, "psk-refused")
    );

    // A second machine claims an enrolled computer: a person decides, the first keeps what it has.
    let mut first = Agent::new(&psk, "PC-1", &pc);
    let mine = first.enrol(&server).await.unwrap();
    let mut rival = Agent::new(&psk, "PC-1", &pc);
    let theirs = rival.enrol(&server).await.unwrap();
    assert_eq!(
        (mine.trust, theirs.trust),
        (DeviceTrust::Trusted, DeviceTrust::Conflict)
    );
    assert_eq!(mine.device, theirs.device);
    assert_eq!(
        first.checkin(&server).await.unwrap().0.trust,
        DeviceTrust::Trusted
    );
    let (answer, orders) = rival.checkin(&server).await.unwrap();
    assert!(answer.trust == DeviceTrust::Conflict && orders.is_empty());
    server
        .services
        .resolve_conflict(&actor(), at.customer, mine.device, theirs.agent)
        .await
        .unwrap();
    assert_eq!(
        rival.checkin(&server).await.unwrap().0.trust,
        DeviceTrust::Trusted
    );
    assert_eq!(
        first.checkin(&server).await.unwrap_err(),
        refused(403, "revoked")
    );

    // A request counts once; a changed body, another time and an unknown key are refused.
    let body = serde_json::to_vec(&serde_json::json!({})).unwrap();
    let (call, _) = rival.call(&server, op::CHECKIN, body.clone());
    assert_eq!(server.services.agent_call(call.clone()).await.status, 400);
    assert_eq!(
        server.services.agent_call(call.clone()).await.status,
        409,
        "replayed"
    );
    let mut changed = call.clone();
    changed.body.push(b' ');
    assert_eq!(
        code(&server.services.agent_call(changed).await),
        "digest-mismatch"
    );
    let mut stranger = Agent::new(&psk, "PC-1", &pc);
    stranger.root.clone_from(&rival.root);
    let (call, _) = stranger.call(&server, op::CHECKIN, body);
    assert_eq!(
        code(&server.services.agent_call(call.clone()).await),
        "key-unknown"
    );
    let mut lost = call;
    lost.op = "/v1/format".into();
    assert_eq!(
        code(&server.services.agent_call(lost).await),
        "operation-unknown"
    );

    // One row per cause, source and hour, with a count.
    server.services.flush().await.unwrap();
    let before = refusal_rows(&server).await;
    for _ in 0..10_000 {
        let call = gw_services::AgentCall {
            op: "/v1/checkin".into(),
            headers: vec![],
            body: vec![7; 30],
            source: "203.0.113.9".into(),
        };
        assert_eq!(
            code(&server.services.agent_call(call).await),
            "signature-malformed"
        );
    }
    server.services.flush().await.unwrap();
    server
        .services
        .agent_refused("signature-malformed", "203.0.113.9");
    server.services.flush().await.unwrap();
    let after = refusal_rows(&server).await;
    let new: Vec<_> = after
        .iter()
        .filter(|row| row.source.as_deref() == Some("203.0.113.9"))
        .collect();
    assert_eq!((new.len(), new[0].count), (1, 10_001));
    assert_eq!(after.len(), before.len() + 1, "{after:?}");
}

fn code(answer: &gw_services::AgentAnswer) -> String {
    let problem: gw_wire::codes::Problem = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(problem.status, answer.status);
    assert!(!problem.title.is_empty());
    problem.code
}

async fn refusal_rows(server: &Server) -> Vec<gw_store::AuditRecord> {
    let filter = AuditFilter {
        customer: None,
        action: Some("agent.refused".into()),
    };
    server
        .services
        .audit(&filter, &Ask::default())
        .await
        .unwrap()
        .items
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_is_withdrawn_and_made_again() {
    let server = Server::new().await;
    let pc = server.directories.add(SOURCE, ObjectKind::Computer, "PC-1");
    server.directories.add(TARGET, ObjectKind::User, "ann");
    let at = server.furnished().await;
    let psk = server.psk(at.customer, PskPolicy::FirstClaim).await;
    let mut agent = Agent::new(&psk, "PC-1", &pc);
    let device = agent.enrol(&server).await.unwrap().device;
    let batch = server
        .services
        .create_batch(&actor(), at.customer, at.batch("A", ScopeMode::Only))
        .await
        .unwrap();
    server
        .services
        .add_batch_devices(
            &actor(),
            at.customer,
            batch.batch.id,
            vec![device],
            gw_services::IfElsewhere::Refuse,
        )
        .await
        .unwrap();
    // No licence: nothing is ordered, and the reason names it; a rehearsal needs none.
    assert!(agent.checkin(&server).await.unwrap().1.is_empty());
    let detail = server.services.device(at.customer, device).await.unwrap();
    assert!(
        detail.eligibility[0]
            .decision
            .because()
            .contains("paste one under Licences")
    );
    let rehearsal = server
        .services
        .rehearse(&actor(), at.customer, device, at.runbook)
        .await
        .unwrap();
    let (_, orders) = agent.checkin(&server).await.unwrap();
    assert_eq!(
        (orders[0].header.kind, orders[0].header.run),
        (OrderKind::Rehearse, rehearsal.id)
    );
    let package = agent.stage(&server, &orders[0], &[]).await.unwrap();
    assert!(package.join.is_none(), "a rehearsal prepares no account");
    let report = agent.result(&server, &orders[0], FinalState::Rehearsed);
    agent.send(&server, vec![report]).await;
    agent.holding.clear();

    server.licence(at.customer, 1).await;
    let (_, orders) = agent.checkin(&server).await.unwrap();
    let first = orders[0].header.order;
    let seats = || async { server.services.licences(at.customer).await.unwrap()[0].used };
    assert_eq!(seats().await, 1, "an order that waits holds its seat");
    let view = server
        .services
        .runbook(at.customer, at.runbook, None)
        .await
        .unwrap();
    let draft = RunbookDraft {
        document: serde_json::to_value(&view.document).unwrap(),
        join_password: None,
        return_password: None,
    };
    let saved = server
        .services
        .update_runbook(&actor(), at.customer, at.runbook, 1, draft.clone())
        .await
        .unwrap();
    assert!(saved.has_join_password && saved.runbook.version == 2);
    let stale = server
        .services
        .update_runbook(&actor(), at.customer, at.runbook, 1, draft)
        .await
        .unwrap_err();
    assert!(matches!(stale, gw_services::RunbookError::Stale));
    let (answer, orders) = agent.checkin(&server).await.unwrap();
    assert_eq!(answer.withdrawn, [first]);
    assert_eq!((orders[0].header.runbook.version, seats().await), (2, 1));
    // Taken off the list: withdrawn, and the seat is free again.
    server
        .services
        .remove_batch_devices(&actor(), at.customer, batch.batch.id, vec![device])
        .await
        .unwrap();
    let (answer, orders) = agent.checkin(&server).await.unwrap();
    assert_eq!(
        (answer.withdrawn.len(), orders.len(), seats().await),
        (1, 0, 0)
    );
    let run = server
        .services
        .device(at.customer, device)
        .await
        .unwrap()
        .runs[0]
        .clone();
    assert_eq!((run.kind, run.state), (RunKind::Run, RunState::Cancelled));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_check_in_writes_nothing() {
    let server = Server::new().await;
    let pc = server.directories.add(SOURCE, ObjectKind::Computer, "PC-1");
    let at = server.furnished().await;
    let psk = server.psk(at.customer, PskPolicy::FirstClaim).await;
    let mut agent = Agent::new(&psk, "PC-1", &pc);
    agent.enrol(&server).await.unwrap();
    agent.checkin(&server).await.unwrap();
    let wal = server.dir.0.join("godwit.db-wal");
    let stamp = || {
        std::fs::metadata(&wal)
            .map(|meta| (meta.len(), meta.modified().unwrap()))
            .unwrap()
    };
    let before = stamp();
    for _ in 0..50 {
        server.advance(TimeDelta::seconds(1));
        agent.checkin(&server).await.unwrap();
    }
    assert_eq!(stamp(), before, "nothing was written");
    server.services.flush().await.unwrap();
    assert_ne!(
        stamp(),
        before,
        "when it was last heard of is flushed in one go"
    );
    let device = agent.enrolled.as_ref().unwrap().device;
    let seen = server
        .services
        .device(at.customer, device)
        .await
        .unwrap()
        .device
        .last_seen
        .unwrap();
    assert_eq!((server.services.clock().now() - seen).num_seconds(), 0);
    // A reboot is no clone; the earlier boot coming back is.
    agent.facts.boot_id = "boot-2".into();
    agent.checkin(&server).await.unwrap();
    agent.facts.boot_id = "boot-1".into();
    assert_eq!(
        agent.checkin(&server).await.unwrap_err(),
        refused(409, "conflict")
    );
    agent.facts.boot_id = "boot-2".into();
    assert_eq!(
        agent.checkin(&server).await.unwrap().0.trust,
        DeviceTrust::Conflict
    );
}
