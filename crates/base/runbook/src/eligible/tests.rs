//! The table. Each row names the rule of the feature list that it shows.

use super::*;
use chrono::TimeDelta;
use gw_model::{
    BatchId, BatchRunbook, BatchScope, CustomerId, Licence, LicenceId, LicenceProduct, LicenceUse,
    Window, check_licence, choose_batch,
};
use uuid::Uuid;

const SOURCE: DirectoryId = DirectoryId(Uuid::from_u128(1));
const TARGET: DirectoryId = DirectoryId(Uuid::from_u128(2));
const OTHER: DirectoryId = DirectoryId(Uuid::from_u128(3));
const MAIN: RunbookId = RunbookId(Uuid::from_u128(11));
const FIRST: RunbookId = RunbookId(Uuid::from_u128(12));
const DEVICE: DeviceId = DeviceId(Uuid::from_u128(21));

/// Everything the function looks at; each row changes a little of it.
struct Case {
    now: Moment,
    device: DeviceCase,
    batches: Vec<Batch>,
    document: Runbook,
    kind: RunKind,
    again: bool,
    history: Vec<PastRun>,
    licences: Vec<LicenceUse>,
    domains: (&'static str, &'static str),
}

fn at(text: &str) -> NaiveDateTime {
    text.parse().unwrap()
}

fn window(from: &str, enforced: Option<&str>, zone: Zone) -> Window {
    Window::new(at(from), enforced.map(at), zone).unwrap()
}

fn batch(n: u128, name: &str, scope: BatchScope) -> Batch {
    Batch {
        id: BatchId(Uuid::from_u128(n)),
        customer: CustomerId(Uuid::nil()),
        name: name.into(),
        source: SOURCE,
        target: TARGET,
        runbooks: vec![BatchRunbook {
            runbook: MAIN,
            window: window(
                "2026-11-20T08:00:00",
                Some("2026-11-27T20:00:00"),
                Zone::Utc,
            ),
        }],
        scope,
    }
}

fn licence(product: LicenceProduct, target: &str, devices: u32, used: u32) -> LicenceUse {
    LicenceUse {
        licence: Licence {
            id: LicenceId(Uuid::from_u128(31)),
            product,
            licensee: "Lab".into(),
            source: "source.test".into(),
            target: target.into(),
            devices,
            trial: false,
            not_before: at("2026-01-01T00:00:00").and_utc(),
            not_after: at("2027-01-01T00:00:00").and_utc(),
        },
        used,
    }
}

fn past(runbook: RunbookId, result: Option<FinalState>) -> PastRun {
    let state = if result.is_some() {
        RunState::Finished
    } else {
        RunState::Running
    };
    PastRun {
        runbook,
        incarnation: 1,
        kind: RunKind::Run,
        state,
        result,
    }
}

/// Inside the window, enrolled, trusted, licensed: the user is asked.
fn ready() -> Case {
    Case {
        now: Moment {
            utc: at("2026-11-22T12:00:00").and_utc(),
            offset: TimeDelta::hours(1),
        },
        device: DeviceCase {
            id: DEVICE,
            directory: Some(SOURCE),
            trust: Some(DeviceTrust::Trusted),
            is_server: false,
            incarnation: 1,
        },
        batches: vec![batch(41, "pilot", BatchScope::Only([DEVICE].into()))],
        document: Runbook::new("Main", [SOURCE].into(), TARGET),
        kind: RunKind::Run,
        again: false,
        history: vec![],
        licences: vec![licence(
            LicenceProduct::MigrationAgent,
            "target.test",
            10,
            0,
        )],
        domains: ("source.test", "target.test"),
    }
}

impl Case {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn window(self, from: &str, enforced: Option<&str>, zone: Zone) -> Self {
        self.with(|case| case.batches[0].runbooks[0].window = window(from, enforced, zone))
    }

    fn decide(&self) -> Decision {
        let batch = choose_batch(self.device.id, &self.batches).expect("one batch");
        let counted = check_licence(
            self.now.utc,
            LicenceProduct::MigrationAgent,
            self.domains.0,
            self.domains.1,
            &self.licences,
        );
        let asked = Asked {
            id: MAIN,
            document: &self.document,
            kind: self.kind,
            again: self.again,
        };
        eligible(
            self.now,
            &self.device,
            batch,
            &asked,
            &self.history,
            &counted.map(|_| ()),
        )
    }
}

/// The decision and a word of its reason.
fn row(rule: &str, case: Case, expected: &str, word: &str) {
    let decision = case.decide();
    let name = match &decision {
        Decision::Run(_) => "run",
        Decision::Prompt(_) => "prompt",
        Decision::Wait(_) => "wait",
        Decision::Refuse(_) => "refuse",
    };
    assert_eq!(name, expected, "{rule}: {decision:?}");
    assert!(
        decision.because().contains(word),
        "{rule}: `{}`",
        decision.because()
    );
}

#[test]
fn runbooks_batches_and_dates() {
    use FinalState::{Migrated, Returned};
    let done = |result| move |case: &mut Case| case.history = vec![past(MAIN, Some(result))];
    row("A-080", ready(), "prompt", "available since");
    row(
        "A-081",
        ready().with(done(Migrated)),
        "refuse",
        "does not run again",
    );
    row(
        "A-081 after a re-image",
        ready()
            .with(done(Migrated))
            .with(|c| c.device.incarnation = 2),
        "prompt",
        "available",
    );
    row(
        "A-081 asked for again",
        ready().with(done(Migrated)).with(|c| c.again = true),
        "run",
        "by hand",
    );
    row(
        "A-081 after a failure",
        ready().with(done(Returned)),
        "refuse",
        "order it again",
    );
    row(
        "A-081 in progress",
        ready().with(|c| c.history = vec![past(MAIN, None)]),
        "wait",
        "in progress",
    );
    row(
        "A-082",
        ready().with(|c| c.batches.clear()),
        "refuse",
        "in no batch",
    );
    row(
        "A-083 before",
        ready().window("2026-11-23T08:00:00", None, Zone::Utc),
        "wait",
        "available from 2026-11-23",
    );
    row(
        "A-083 after, never enforced",
        ready().window("2026-11-22T12:00:00", None, Zone::Utc),
        "prompt",
        "available since",
    );
    row(
        "A-084",
        ready().window(
            "2026-11-20T08:00:00",
            Some("2026-11-22T11:59:00"),
            Zone::Utc,
        ),
        "run",
        "enforced since",
    );
    row(
        "A-085",
        ready().with(|c| {
            c.batches
                .push(batch(42, "rest", BatchScope::AllExcept([].into())))
        }),
        "prompt",
        "available",
    );
    row(
        "A-086 self-service",
        ready().window(
            "2026-11-22T08:00:00",
            Some("2026-11-22T20:00:00"),
            Zone::Utc,
        ),
        "prompt",
        "enforced after",
    );
    row(
        "A-086 big bang, before",
        ready().window(
            "2026-11-22T20:00:00",
            Some("2026-11-22T20:00:00"),
            Zone::Utc,
        ),
        "wait",
        "available from",
    );
    row(
        "A-086 big bang, after",
        ready().window(
            "2026-11-22T12:00:00",
            Some("2026-11-22T12:00:00"),
            Zone::Utc,
        ),
        "run",
        "enforced",
    );
    let twice = |case: &mut Case| {
        case.document.general.prerequisites = [FIRST].into();
        let early = window("2026-11-01T00:00:00", None, Zone::Utc);
        case.batches[0].runbooks.insert(
            0,
            BatchRunbook {
                runbook: FIRST,
                window: early,
            },
        );
    };
    row(
        "A-087 not done",
        ready().with(twice),
        "wait",
        "prerequisite",
    );
    row(
        "A-087 done",
        ready()
            .with(twice)
            .with(|c| c.history = vec![past(FIRST, Some(Migrated))]),
        "prompt",
        "available",
    );
    row(
        "A-101 off",
        ready().with(|c| c.device.is_server = true),
        "refuse",
        "Windows Server",
    );
    row(
        "A-101 on",
        ready().with(|c| {
            c.device.is_server = true;
            c.document.general.allow_server_os = true;
        }),
        "prompt",
        "available",
    );
    row(
        "not carried out",
        ready().with(|c| c.document.completion.uninstall_agent = true),
        "refuse",
        "does not do",
    );
    row(
        "A-102",
        ready().with(|c| c.document.general.prerequisites = [FIRST].into()),
        "wait",
        "prerequisite",
    );
    row(
        "A-102 another incarnation's",
        ready().with(twice).with(|c| {
            c.history = vec![past(FIRST, Some(Migrated))];
            c.device.incarnation = 2;
        }),
        "wait",
        "prerequisite",
    );
}

#[test]
fn batch_editor() {
    row(
        "A-140 source",
        ready().with(|c| c.document.general.sources = [OTHER].into()),
        "refuse",
        "not among the runbook's sources",
    );
    row(
        "A-140 several sources",
        ready().with(|c| c.document.general.sources = [OTHER, SOURCE].into()),
        "prompt",
        "available",
    );
    row(
        "A-140 target",
        ready().with(|c| c.document.general.target = OTHER),
        "refuse",
        "different targets",
    );
    row(
        "A-140 device elsewhere",
        ready().with(|c| c.device.directory = Some(TARGET)),
        "refuse",
        "not in the source",
    );
    row(
        "A-141",
        ready().with(|c| c.batches[0].runbooks.clear()),
        "refuse",
        "does not hold this runbook",
    );
    row(
        "A-142 local, the device's hour has come",
        ready().window("2026-11-22T13:00:00", None, Zone::Local),
        "prompt",
        "available",
    );
    row(
        "A-142 the same date in UTC has not",
        ready().window("2026-11-22T13:00:00", None, Zone::Utc),
        "wait",
        "available from",
    );
    row(
        "A-143 only these, not this one",
        ready().with(|c| c.batches[0].scope = BatchScope::Only([].into())),
        "refuse",
        "in no batch",
    );
    row(
        "A-143 all except others",
        ready().with(|c| c.batches[0].scope = BatchScope::AllExcept([].into())),
        "prompt",
        "available",
    );
    row(
        "A-143 all except this one",
        ready().with(|c| c.batches[0].scope = BatchScope::AllExcept([DEVICE].into())),
        "refuse",
        "in no batch",
    );
}

#[test]
fn licences() {
    let none = |case: &mut Case| case.licences.clear();
    row(
        "A-150 rehearsal",
        ready().with(none).with(|c| c.kind = RunKind::Rehearse),
        "run",
        "by hand",
    );
    row("A-151 none", ready().with(none), "refuse", "paste one");
    row(
        "A-151 used up",
        ready().with(|c| c.licences[0].used = 10),
        "refuse",
        "all 10 devices",
    );
    row(
        "A-152",
        ready().with(|c| c.licences = vec![licence(LicenceProduct::DirSync, "target.test", 10, 0)]),
        "refuse",
        "no Migration Agent licence",
    );
    row(
        "A-153 another target",
        ready().with(|c| {
            c.licences = vec![licence(LicenceProduct::MigrationAgent, "other.test", 10, 0)]
        }),
        "refuse",
        "source.test to target.test",
    );
    row(
        "A-153 over",
        ready().with(|c| c.licences[0].licence.not_after = at("2026-11-01T00:00:00").and_utc()),
        "refuse",
        "renew",
    );
}

#[test]
fn agents_and_one_run_per_machine() {
    let trust = |trust| ready().with(move |c| c.device.trust = trust);
    row("A-163 no agent yet", trust(None), "wait", "first check");
    row(
        "enrolled is not trusted",
        trust(Some(DeviceTrust::Pending)),
        "wait",
        "approve",
    );
    row(
        "two claims",
        trust(Some(DeviceTrust::Conflict)),
        "wait",
        "two agents",
    );
    row(
        "revoked",
        trust(Some(DeviceTrust::Revoked)),
        "refuse",
        "revoked",
    );
    let waiting = PastRun {
        state: RunState::Ordered,
        ..past(FIRST, None)
    };
    row(
        "ordered side by side",
        ready().with(|c| c.history = vec![waiting]),
        "prompt",
        "available",
    );
    row(
        "busy",
        ready().with(|c| c.history = vec![past(FIRST, None)]),
        "wait",
        "another run",
    );
    row(
        "a licence is not asked for in vain",
        trust(None).with(|c| c.licences.clear()),
        "wait",
        "first check",
    );
}

#[test]
fn orders_go_out_ahead_of_the_window_only() {
    assert!(ready().decide().may_be_ordered());
    assert!(
        ready()
            .window("2027-01-01T00:00:00", None, Zone::Utc)
            .decide()
            .may_be_ordered()
    );
    assert!(
        !ready()
            .with(|c| c.device.trust = None)
            .decide()
            .may_be_ordered()
    );
    assert!(
        !ready()
            .with(|c| c.licences.clear())
            .decide()
            .may_be_ordered()
    );
}
