//! What an administrator does, and what is refused with which code.

mod support;

use chrono::TimeDelta;
use gw_model::{ObjectKind, PskPolicy, Severity};
use gw_services::{
    Ask, AuditFilter, Explanation, GuideState, IfElsewhere, Kind, LogFilter, Refused, SettingsDraft,
};
use gw_store::{JobState, MatchFilter, MatchOutcome, MatchRecord, ScopeMode};
use gw_wire::{
    op,
    report::{EventReport, Report, ReportAnswer, ReportBody, ReportRequest},
};
use support::{PASSWORD, Server, actor, agent::Agent, directory_draft};

const SOURCE: &str = "dc1.source.test";
const TARGET: &str = "dc1.target.test";

#[tokio::test(flavor = "multi_thread")]
async fn the_first_minutes() {
    let server = Server::new().await;
    let services = &server.services;
    assert!(services.setup_state().await.unwrap().needed);
    let old = services.setup_token().await.unwrap().unwrap();
    let token = services.setup_token().await.unwrap().unwrap();
    let set_up = |token: String, password: &'static str| async move {
        services
            .set_up(&token, "Ann", password, "Contoso", Some("10.0.0.9".into()))
            .await
    };
    let codes = |error: gw_services::SetupError| (error.kind(), error.code());
    assert_eq!(
        set_up(old, PASSWORD).await.err().map(codes),
        Some((Kind::Forbidden, "setup_token_invalid"))
    );
    assert_eq!(
        set_up(token.clone(), "short").await.err().map(codes),
        Some((Kind::Invalid, "password_too_short"))
    );
    let done = set_up(token.clone(), PASSWORD).await.ok().unwrap();
    assert_eq!(
        set_up(token, PASSWORD).await.err().map(codes),
        Some((Kind::Conflict, "setup_done"))
    );
    assert!(services.setup_token().await.unwrap().is_none());
    assert_eq!(services.customers().await.unwrap()[0].name, "Contoso");
    let session = services
        .session(&done.signed_in.token)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(session.name, "Ann");

    let me = gw_services::Actor::admin(session.admin, "Ann", None);
    let wrong = services
        .confirm_recovery_key(&me, "gwr1.AAAAA")
        .await
        .unwrap_err();
    assert_eq!(wrong.code(), "recovery_key_wrong");
    let typed = done.recovery_key.to_lowercase().replace('-', " ");
    services.confirm_recovery_key(&me, &typed).await.unwrap();
    let settings = services.settings().await.unwrap();
    assert!(settings.recovery_key_confirmed);
    let draft = |url: &str| SettingsDraft {
        agent_url: url.into(),
        poll_minutes: 60,
        issuers: vec![],
    };
    let saved = services
        .set_settings(&me, settings.revision, draft("https://gw.test/Agent"))
        .await
        .unwrap();
    assert_eq!(
        (saved.agent_url.as_str(), saved.revision),
        ("https://gw.test/Agent", settings.revision + 1)
    );
    for bad in ["http://gw.test/Agent", "https://gw.test", "https:///Agent"] {
        assert_eq!(
            services
                .set_settings(&me, saved.revision, draft(bad))
                .await
                .unwrap_err()
                .code(),
            "agent_url_form",
            "{bad}"
        );
    }
    let stale = services
        .set_settings(&me, settings.revision, draft("https://x.test/Agent"))
        .await
        .unwrap_err();
    assert_eq!(stale.kind(), Kind::Stale);

    // Wrong passwords are slowed down, whatever the name; a session ends by itself.
    for _ in 0..5 {
        assert_eq!(
            services
                .sign_in("ann", "wrong password", None)
                .await
                .err()
                .unwrap()
                .code(),
            "wrong_credentials"
        );
    }
    let throttled = services.sign_in("ANN", PASSWORD, None).await.err().unwrap();
    assert!(
        matches!(throttled.kind(), Kind::Throttled { after: 1..=2 }),
        "{throttled}"
    );
    server.advance(TimeDelta::seconds(3));
    let again = services.sign_in("ANN", PASSWORD, None).await.ok().unwrap();
    services
        .change_password(&me, &again.token, PASSWORD, "another good password")
        .await
        .unwrap();
    assert!(
        services
            .session(&done.signed_in.token)
            .await
            .unwrap()
            .is_none(),
        "others end"
    );
    assert!(
        services.session(&again.token).await.unwrap().is_some(),
        "one's own stays"
    );
    server.advance(TimeDelta::hours(13));
    assert!(services.session(&again.token).await.unwrap().is_none());
    let trail = services
        .audit(&AuditFilter::default(), &Ask::default())
        .await
        .unwrap();
    let actions: Vec<_> = trail.items.iter().map(|row| row.action.as_str()).collect();
    for action in [
        "server.set_up",
        "customer.create",
        "session.refused",
        "admin.password",
        "server.settings",
    ] {
        assert!(actions.contains(&action), "{action} is not in {actions:?}");
    }
    assert!(trail.items.iter().all(|row| !row.detail.contains(PASSWORD)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_explains_itself_and_outlives_names() {
    let server = Server::new().await;
    for name in ["ann", "bob", "twin", "=cmd"] {
        server.directories.add(SOURCE, ObjectKind::User, name);
    }
    for name in ["ann", "TWIN ", "twin"] {
        server.directories.add(TARGET, ObjectKind::User, name);
    }
    let at = server.furnished().await;
    let all = |filter: MatchFilter| {
        let server = &server;
        async move {
            server
                .services
                .translations(at.customer, &filter, &Ask::default())
                .await
                .unwrap()
                .items
        }
    };
    let rows = all(MatchFilter::default()).await;
    let outcome = |rows: &[MatchRecord], name: &str| {
        rows.iter()
            .find(|row| row.source_name == name)
            .unwrap()
            .outcome
    };
    assert_eq!(outcome(&rows, "ann"), MatchOutcome::Matched);
    assert_eq!(outcome(&rows, "bob"), MatchOutcome::Unmatched);
    assert_eq!(outcome(&rows, "twin"), MatchOutcome::Ambiguous);
    let twin = rows.iter().find(|row| row.source_name == "twin").unwrap();
    let found = server
        .services
        .explain(at.customer, None, twin.source)
        .await
        .unwrap();
    let why: Explanation = serde_json::from_str(&found.explanation).unwrap();
    assert_eq!(
        (why.code.as_str(), why.candidates.len()),
        ("ambiguous_targets", 2)
    );
    assert!(
        why.sentences[0].contains("Nothing is guessed"),
        "{:?}",
        why.sentences
    );
    let report = server
        .services
        .object_report(at.customer, twin.source)
        .await
        .unwrap();
    assert_eq!(report.matches.len(), 1);

    // A pair is bound by GUID: renaming the target does not undo it.
    server.directories.rename(TARGET, "ann", "ann.new");
    server
        .services
        .start_cycle(&actor(), at.customer)
        .await
        .unwrap();
    let busy = server
        .services
        .start_cycle(&actor(), at.customer)
        .await
        .unwrap_err();
    assert_eq!((busy.kind(), busy.code()), (Kind::Conflict, "job_running"));
    server.services.run_due_jobs().await.unwrap();
    let rows = all(MatchFilter::default()).await;
    let ann = rows.iter().find(|row| row.source_name == "ann").unwrap();
    assert_eq!(
        (ann.outcome, ann.target_name.as_deref()),
        (MatchOutcome::Matched, Some("ann.new"))
    );
    // Nothing changed: the next sync has nothing to do.
    server
        .services
        .start_cycle(&actor(), at.customer)
        .await
        .unwrap();
    server.services.run_due_jobs().await.unwrap();
    let cycle = server
        .services
        .schedule(at.customer)
        .await
        .unwrap()
        .last_cycle
        .unwrap();
    assert_eq!(cycle.state, JobState::Succeeded);
    let children = server
        .services
        .job_children(at.customer, cycle.id)
        .await
        .unwrap();
    assert!(
        children[2].message.contains("nothing changed"),
        "{}",
        children[2].message
    );

    let csv = server
        .services
        .export_translations(&actor(), at.customer, &MatchFilter::default())
        .await
        .unwrap();
    assert!(csv.starts_with("source_sid,target_sid,"));
    assert!(csv.contains("'=cmd"), "no cell is a formula");
    assert_eq!(csv.lines().count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_shrinks_suddenly_is_not_believed() {
    let server = Server::new().await;
    for n in 0..60 {
        server
            .directories
            .add(SOURCE, ObjectKind::User, &format!("user{n}"));
    }
    server.directories.add(TARGET, ObjectKind::User, "user1");
    let at = server.furnished().await;
    server
        .directories
        .remove(SOURCE, &|name| !name.ends_with('1'));
    server
        .services
        .set_schedule(&actor(), at.customer, Some(30))
        .await
        .unwrap();
    server.advance(TimeDelta::minutes(31));
    server.services.run_due_jobs().await.unwrap();
    let view = server
        .services
        .directory(at.customer, at.source)
        .await
        .unwrap();
    assert_eq!(view.counts.users, 60, "nothing was changed");
    let cycle = server
        .services
        .schedule(at.customer)
        .await
        .unwrap()
        .last_cycle
        .unwrap();
    assert_eq!(cycle.state, JobState::Failed);
    let children = server
        .services
        .job_children(at.customer, cycle.id)
        .await
        .unwrap();
    assert!(
        children[0].message.contains("gone at once"),
        "{}",
        children[0].message
    );
    assert!(
        children[2].message.contains("stays as it was"),
        "{}",
        children[2].message
    );
    let lines = server
        .services
        .job_messages(at.customer, children[0].id, &Ask::default())
        .await
        .unwrap();
    assert_eq!(lines.items.last().unwrap().severity, Severity::Error);
    // By hand it is believed.
    server
        .services
        .start_import(&actor(), at.customer, at.source)
        .await
        .unwrap();
    server.services.run_due_jobs().await.unwrap();
    assert_eq!(
        server
            .services
            .directory(at.customer, at.source)
            .await
            .unwrap()
            .counts
            .users,
        6
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_and_go_as_csv() {
    let server = Server::new().await;
    for n in 1..=4 {
        server
            .directories
            .add(SOURCE, ObjectKind::Computer, &format!("PC-{n}"));
    }
    server
        .directories
        .add(TARGET, ObjectKind::Computer, "ELSEWHERE");
    let at = server.furnished().await;
    let services = &server.services;
    let make = |name: &'static str, mode| async move {
        services
            .create_batch(&actor(), at.customer, at.batch(name, mode))
            .await
    };
    let pilot = make("Pilot", ScopeMode::Only).await.unwrap().batch.id;
    let late = make("Late", ScopeMode::Only).await.unwrap().batch.id;
    make("All", ScopeMode::AllExcept).await.unwrap();
    assert_eq!(
        make("More", ScopeMode::AllExcept).await.unwrap_err().code(),
        "catch_all_taken"
    );
    assert_eq!(
        make("pilot", ScopeMode::Only).await.unwrap_err().code(),
        "name_taken"
    );
    let import = |batch, file: &'static str, elsewhere| async move {
        services
            .import_batch_csv(&actor(), at.customer, batch, file.as_bytes(), elsewhere)
            .await
            .unwrap()
    };
    let bad = import(
        pilot,
        "computer\nPC-1\nPC-9\nELSEWHERE\n",
        IfElsewhere::Refuse,
    )
    .await;
    let told: Vec<_> = bad
        .errors
        .iter()
        .map(|error| (error.line, error.code))
        .collect();
    assert_eq!(told, [(3, "unknown_device"), (4, "device_not_in_source")]);
    assert_eq!(
        (
            bad.added,
            services.batch(at.customer, pilot).await.unwrap().listed
        ),
        (0, 0),
        "all lines or none"
    );
    let good = import(pilot, "computer\npc-1\nPC-2$\npc-1\n", IfElsewhere::Refuse).await;
    assert_eq!((good.added, good.unchanged, good.errors.len()), (2, 1, 0));
    let clash = import(late, "PC-2\nPC-3\n", IfElsewhere::Refuse).await;
    assert_eq!(clash.errors[0].code, "device_in_other_batch");
    assert!(
        clash.errors[0].message.contains("`Pilot`"),
        "by name: {}",
        clash.errors[0].message
    );
    assert_eq!(
        import(late, "PC-2\nPC-3\n", IfElsewhere::Move).await.added,
        2
    );
    let csv = services.export_batch_csv(at.customer, late).await.unwrap();
    assert_eq!(csv, "computer,serial,trusted\nPC-2,,no\nPC-3,,no\n");
    let members: Vec<i64> = services
        .batches(at.customer)
        .await
        .unwrap()
        .iter()
        .map(|view| view.members)
        .collect();
    assert_eq!(members, [1, 2, 1], "All, Late, Pilot");

    // What contradicts is refused by name.
    let mut draft = at.batch("Wrong", ScopeMode::Only);
    (draft.source, draft.target) = (at.target, at.source);
    let error = services
        .create_batch(&actor(), at.customer, draft)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "source_not_in_runbook");
    let used = services
        .delete_directory(&actor(), at.customer, at.source, 1)
        .await
        .unwrap_err();
    assert!(used.to_string().contains("Pilot"), "{used}");
    let runbook = services
        .delete_runbook(&actor(), at.customer, at.runbook, 1)
        .await
        .unwrap_err();
    assert_eq!(runbook.code(), "runbook_in_use");
    let elsewhere = directory_draft("Source", "dc2.source.test");
    let elsewhere = gw_services::DirectoryDraft {
        password: None,
        ..elsewhere
    };
    let asked = services
        .update_directory(&actor(), at.customer, at.source, 1, elsewhere)
        .await
        .unwrap_err();
    assert_eq!(
        asked.code(),
        "password_needed",
        "the stored one is not sent elsewhere"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_paged_line_by_line() {
    let server = Server::new().await;
    let pc = server.directories.add(SOURCE, ObjectKind::Computer, "PC-1");
    server.directories.add(TARGET, ObjectKind::User, "ann");
    let at = server.furnished().await;
    let psk = server.psk(at.customer, PskPolicy::FirstClaim).await;
    let mut agent = Agent::new(&psk, "PC-1", &pc);
    agent.enrol(&server).await.unwrap();
    let mut live = server.services.bus().subscribe();
    let mut sequence = 0;
    for request in 0..5 {
        server.advance(TimeDelta::seconds(1));
        let reports = (0..7)
            .map(|n| {
                sequence += 1;
                let code = if n == 3 {
                    gw_model::EventCode::STEP_FAILED
                } else {
                    gw_model::EventCode::STEP_DONE
                };
                Report {
                    sequence,
                    key: uuid::Uuid::new_v4(),
                    at: server.services.clock().now(),
                    body: ReportBody::Event(EventReport {
                        code,
                        detail: format!("request {request} line {n}"),
                        order: None,
                        run: None,
                        fields: Default::default(),
                    }),
                }
            })
            .collect();
        let answer: ReportAnswer = agent
            .ask(&server, op::REPORT, &ReportRequest { v: 1, reports })
            .await
            .unwrap();
        assert_eq!(answer.accepted_through, sequence);
    }
    let mut seen = Vec::new();
    let mut ask = Ask {
        limit: Some(4),
        ..Ask::default()
    };
    loop {
        let page = server
            .services
            .agent_logs(at.customer, &LogFilter::default(), &ask)
            .await
            .unwrap();
        assert!(page.items.len() <= 4);
        seen.extend(page.items.iter().map(|line| line.record.sequence));
        match page.next {
            Some(next) => ask.after = Some(next),
            None => break,
        }
    }
    assert_eq!(
        seen,
        (1..=35).rev().collect::<Vec<i64>>(),
        "newest first, none twice, none left out"
    );
    let errors = LogFilter {
        at_least: Some(Severity::Error),
        ..LogFilter::default()
    };
    assert_eq!(
        server
            .services
            .agent_logs(at.customer, &errors, &Ask::default())
            .await
            .unwrap()
            .items
            .len(),
        5
    );
    let searched = Ask {
        search: Some("REQUEST 2 line".into()),
        ..Ask::default()
    };
    let found = server
        .services
        .agent_logs(at.customer, &LogFilter::default(), &searched)
        .await
        .unwrap();
    assert!(
        found
            .items
            .iter()
            .all(|line| line.record.text.contains('2')),
        "{found:?}"
    );
    let event = live.recv().await.unwrap();
    assert_eq!(
        (event.topic, event.data.as_array().unwrap().len()),
        (gw_services::Topic::AgentLog, 7)
    );
    let guide = server.services.guide(at.customer).await.unwrap();
    assert_eq!(
        (guide.next, guide.steps[7].state),
        (Some("address"), GuideState::Blocked)
    );
    let guide = server
        .services
        .mark_guide(&actor(), at.customer, "target_ready", true)
        .await
        .unwrap();
    assert!(guide.preparation[0].done.is_some());
    assert_eq!(
        server
            .services
            .mark_guide(&actor(), at.customer, "server", true)
            .await
            .unwrap_err()
            .code(),
        "guide_point_not_found"
    );
    let dashboard = server.services.dashboard(at.customer).await.unwrap();
    assert_eq!((dashboard.devices.total, dashboard.devices.trusted), (1, 1));
}
