//! The fallback administrator: asked for, waited with, and switched off in the end.

use chrono::{TimeZone, Utc};
use gw_model::{CustomerId, DeviceId, DirectoryId, FinalState, OrderId, RunId, RunbookId};
use gw_platform::{Machine, Secret};
use gw_runbook::{AdJoin, DomainJoin, LeaveFrom, Runbook};
use gw_wire::keys::{KeyId, sha256};
use gw_wire::order::{OrderBody, OrderHeader, OrderKind, RunbookRef};
use gw_wire::pack::Encoding;
use uuid::Uuid;

use super::bench::{Rig, pass};
use crate::deliver::order_file;
use crate::run::{Exit, Request};
use crate::rundir::{FALLBACK, OrderFile};

const NAME: &str = "GodwitFallback";
const PASSWORD: &[u8] = b"Kd7mP-first.Secret-9";

fn delivered(change: impl FnOnce(&mut Runbook)) -> OrderFile {
    let directory = DirectoryId(Uuid::from_u128(9));
    let mut runbook = Runbook::new("Example", [directory].into(), directory);
    runbook.device_state.leave = LeaveFrom::ActiveDirectory;
    runbook.device_state.join = DomainJoin::ActiveDirectory(AdJoin::default());
    change(&mut runbook);
    let document = serde_json::to_vec(&runbook).unwrap();
    let at = Utc.timestamp_opt(1_790_000_000, 0).unwrap();
    let header = OrderHeader {
        v: 1,
        kind: OrderKind::Run,
        customer: CustomerId(Uuid::from_u128(1)),
        device: DeviceId(Uuid::from_u128(2)),
        agent_key: KeyId([0; 32]),
        order: OrderId(Uuid::from_u128(3)),
        sequence: 1,
        run: RunId(Uuid::from_u128(4)),
        batch: None,
        runbook: RunbookRef {
            id: RunbookId(Uuid::from_u128(5)),
            version: 1,
            sha256: KeyId(sha256(&document)),
            name: "Example".to_owned(),
        },
        table_sha256: None,
        packages: Vec::new(),
        window: None,
        not_before: at,
        start_by: at,
        issued_at: at,
        force: false,
        encoding: Encoding::Zlib,
    };
    let body = OrderBody {
        runbook: document.into(),
        sources: Vec::new(),
        target: None,
        whole_table: None,
    };
    order_file(&header, &body).unwrap()
}

#[test]
fn the_runbook_asks_for_it_when_the_run_leaves_a_directory() {
    let of = |change: fn(&mut Runbook)| delivered(change).settings.fallback_administrator;
    assert_eq!(of(|_| {}).as_deref(), Some(NAME), "on by default");
    assert_eq!(of(|book| book.startup.fallback_administrator = None), None);
    let stays: fn(&mut Runbook) = |book| {
        book.device_state.leave = LeaveFrom::None;
        book.device_state.join = DomainJoin::None;
    };
    assert_eq!(of(stays), None, "a device that stays has its way in");
}

fn rig() -> Rig {
    let mut rig = Rig::new(|order| order.settings.fallback_administrator = Some(NAME.to_owned()));
    rig.storage
        .secrets
        .insert(FALLBACK.to_owned(), PASSWORD.to_vec());
    rig
}

fn signs_in(rig: &mut Rig) -> bool {
    let password = Secret::new(PASSWORD.to_vec());
    rig.sample.pc.prove_sign_in(NAME, &password).is_ok()
}

#[test]
fn waiting_for_the_escrow_costs_no_time() {
    let mut rig = rig();
    assert_eq!(rig.start(Request::Go).unwrap(), Exit::NeedsStage);
    rig.deliver_stage();
    for _ in 0..5 {
        assert_eq!(rig.start(Request::Go).unwrap(), Exit::NeedsEscrow);
        assert!(signs_in(&mut rig));
        // Days, with a budget of minutes.
        pass(86_400);
    }
    assert_eq!(rig.start(Request::Watchdog).unwrap(), Exit::Stopped);
    assert_eq!(rig.play(), Ok(FinalState::Migrated));
    assert!(signs_in(&mut rig), "it stays for some days");
}

#[test]
fn a_run_that_waits_can_be_taken_back() {
    let mut rig = rig();
    assert_eq!(rig.start(Request::Go).unwrap(), Exit::NeedsStage);
    rig.deliver_stage();
    assert_eq!(rig.start(Request::Go).unwrap(), Exit::NeedsEscrow);
    assert_eq!(rig.play_from(Request::Undo), Ok(FinalState::Restored));
    assert!(!signs_in(&mut rig));
    assert!(rig.storage.secrets.is_empty());
}

#[test]
fn it_is_switched_off_once_the_run_is_over_and_no_earlier() {
    let mut rig = rig();
    assert_eq!(rig.start(Request::Retire).unwrap(), Exit::Stopped, "no run");
    assert_eq!(rig.start(Request::Go).unwrap(), Exit::NeedsStage);
    let early = rig.start(Request::Retire).unwrap_err();
    assert_eq!(early.code(), 2, "{early}");
    assert_eq!(rig.play(), Ok(FinalState::Migrated));
    let result = rig.storage.documents[crate::rundir::RESULT].clone();
    for _ in 0..2 {
        assert_eq!(
            rig.start(Request::Retire).unwrap(),
            Exit::Final(FinalState::Migrated)
        );
        assert!(!signs_in(&mut rig));
    }
    assert_eq!(rig.storage.documents[crate::rundir::RESULT], result);
    // The rest can still be taken back.
    assert_eq!(rig.play_from(Request::Undo), Ok(FinalState::Returned));
    assert!(!signs_in(&mut rig));
}

#[test]
fn a_power_cut_while_it_is_switched_off_is_made_good() {
    for cut in 0..40 {
        let mut rig = rig();
        assert_eq!(rig.play(), Ok(FinalState::Migrated));
        let at = rig.storage.fuse.ticks() + cut;
        rig.storage.fuse.arm(at, cut);
        let first = rig.start(Request::Retire);
        if rig.storage.fuse.is_off() {
            rig.sample.pc.power_on();
            rig.storage.power_on();
        } else {
            rig.storage.fuse.restore();
            assert!(first.is_ok(), "cut {cut}: {first:?}");
        }
        assert_eq!(
            rig.start(Request::Retire).unwrap(),
            Exit::Final(FinalState::Migrated),
            "cut {cut}"
        );
        assert!(!signs_in(&mut rig), "cut {cut}");
    }
}
