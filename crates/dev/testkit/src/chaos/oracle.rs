//! Whether a run ended as it may, by looking at the device and at what the
//! agent would report; never by believing the journal about the device.

use std::collections::BTreeMap;

use gw_engine::Request;
use gw_engine::journal::Event;
use gw_engine::rundir::{RESULT, ResultFile, read_document};
use gw_model::FinalState;
use gw_platform::fake::HiveCell;
use gw_platform::{Change, JoinState, Machine, Secret, SidText};

use super::flow::{RESCUE, RESCUE_PASSWORD, comparable};
use super::rig::{Home, Rig, Setup};

/// A snapshot of all cells but secrets.
pub(super) type Snapshot = BTreeMap<String, Vec<u8>>;

/// The device after an unbroken run of `setup`.
pub(super) fn goal(setup: &Setup) -> Result<Snapshot, String> {
    let mut rig = Rig::new(Setup {
        flaw: None,
        ..setup.clone()
    });
    match rig.play(Request::Go)? {
        FinalState::Migrated => Ok(rig.sample.pc.snapshot()),
        other => Err(format!(
            "{}: an unbroken run ends {other:?}: {}",
            setup.flow.name(),
            because(&rig)
        )),
    }
}

fn because(rig: &Rig) -> String {
    rig.records()
        .into_iter()
        .rev()
        .find_map(|record| match record.event {
            Event::Final { because, .. } => Some(because),
            _ => None,
        })
        .unwrap_or_default()
}

/// First difference of two snapshots.
pub(super) fn difference(is: &Snapshot, wanted: &Snapshot) -> Option<String> {
    let text = |bytes: Option<&Vec<u8>>| match bytes {
        Some(bytes) => String::from_utf8_lossy(&bytes[..bytes.len().min(160)]).into_owned(),
        None => "nothing".to_owned(),
    };
    is.keys()
        .chain(wanted.keys())
        .find(|key| is.get(*key) != wanted.get(*key))
        .map(|key| {
            format!(
                "{key} is {} instead of {}",
                text(is.get(key)),
                text(wanted.get(key))
            )
        })
}

/// Everything that must be true of a run that ended in `end`.
pub(super) fn judge(rig: &mut Rig, end: FinalState, goal: &Snapshot) -> Result<(), String> {
    reported(rig, end)?;
    rig.calm();
    let now = rig.sample.pc.snapshot();
    // A guard that cannot be lifted holds a device; it has to come down with the rest later.
    if end != FinalState::Held || !rig.records().iter().any(given_up) {
        no_guards(&now, &rig.start)?;
    }
    called(rig, end)?;
    match end {
        FinalState::Migrated => {
            same(&now, goal, false, "migrated")?;
            proven_target(rig)?;
            rescue(rig)?;
            profiles_load(rig)
        }
        FinalState::Restored | FinalState::Returned => {
            let renewed = end == FinalState::Returned || unregistered(rig);
            same(&now, &rig.start.clone(), renewed, "back")?;
            let source = rig.sample.source.clone();
            rig.sample
                .pc
                .prove_join(&source)
                .map_err(|error| format!("{end:?}, but the source says: {error}"))?;
            profiles_load(rig)
        }
        FinalState::Held => held(rig, &now, goal),
        FinalState::Rehearsed => Err("a run is no rehearsal".to_owned()),
    }
}

fn given_up(record: &gw_engine::journal::Record) -> bool {
    matches!(record.event, Event::Undone { given_up: true, .. })
}

/// The device goes by its new name once it is migrated, and by the old one
/// otherwise; a held one by either. Nothing of it waits for a restart.
pub(super) fn called(rig: &mut Rig, end: FinalState) -> Result<(), String> {
    let facts = rig.sample.pc.facts().map_err(|error| error.to_string())?;
    let (is, new) = (facts.computer_name, rig.setup.name.given());
    let new = new.map_or_else(|| OLD_NAME.to_owned(), |name| name.to_uppercase());
    let good = match end {
        FinalState::Migrated => is == new,
        FinalState::Held => is == new || is == OLD_NAME,
        _ => is == OLD_NAME,
    };
    if !good {
        return Err(format!("ended {end:?}, but it is called {is}"));
    }
    match facts.pending.first() {
        Some(pending) if end != FinalState::Held => {
            Err(format!("ended {end:?}, but there is still {pending:?}"))
        }
        _ => Ok(()),
    }
}

/// What the PC is called before a run.
const OLD_NAME: &str = "PC7";

fn same(now: &Snapshot, wanted: &Snapshot, renewed: bool, what: &str) -> Result<(), String> {
    match difference(&comparable(now, renewed), &comparable(wanted, renewed)) {
        Some(different) => Err(format!("{what}, but {different}")),
        None => Ok(()),
    }
}

/// Journal, result and secrets agree.
fn reported(rig: &Rig, end: FinalState) -> Result<(), String> {
    let last = rig
        .records()
        .into_iter()
        .rev()
        .find_map(|record| match record.event {
            Event::Final { state, .. } => Some(state),
            _ => None,
        });
    if last != Some(end) {
        return Err(format!("ended {end:?}, but the journal says {last:?}"));
    }
    let result = rig
        .storage
        .documents
        .get(RESULT)
        .ok_or("nothing was reported")?;
    let result: ResultFile = read_document(RESULT, result).map_err(|error| error.to_string())?;
    if result.state != end {
        return Err(format!("ended {end:?}, but reported {:?}", result.state));
    }
    if end != FinalState::Held && !rig.storage.secrets.is_empty() {
        return Err("a secret was left on the device".to_owned());
    }
    Ok(())
}

fn no_guards(now: &Snapshot, start: &Snapshot) -> Result<(), String> {
    for (key, value) in now {
        let denied = |value: &[u8]| String::from_utf8_lossy(value).contains("SeDeny");
        if key.starts_with("right/") && denied(value) && start.get(key) != Some(value) {
            return Err(format!("a guard is still up: {key}"));
        }
    }
    let notice = now
        .get("hive/SOFTWARE")
        .is_some_and(|hive| String::from_utf8_lossy(hive).contains("legalnotice"));
    match notice {
        true => Err("the notice is still up".to_owned()),
        false => Ok(()),
    }
}

/// The last answer that the target itself gave was a yes (an offline join has
/// nobody to ask).
fn proven_target(rig: &Rig) -> Result<(), String> {
    match &rig.sky.last_proof {
        Some(Ok(())) => Ok(()),
        Some(Err(_)) if rig.setup.flow == super::Flow::AdToAdOffline => match rig.sky.met.refused {
            0 => Ok(()),
            _ => Err("migrated, but the target had refused the device".to_owned()),
        },
        other => Err(format!("migrated, but the target had said {other:?}")),
    }
}

fn rescue(rig: &mut Rig) -> Result<(), String> {
    let password = Secret::new(RESCUE_PASSWORD.to_vec());
    rig.sample
        .pc
        .prove_sign_in(RESCUE, &password)
        .map_err(|error| format!("no way in: {error}"))
}

fn unregistered(rig: &Rig) -> bool {
    rig.records().iter().any(|record| {
        matches!(&record.event, Event::Intent { change, .. }
            if matches!(change.change, Change::Unregister { .. }))
    })
}

/// Each registered owner may do everything in his own hives.
fn profiles_load(rig: &mut Rig) -> Result<(), String> {
    let pc = &mut rig.sample.pc;
    let failed = |error: gw_platform::MachineError| error.to_string();
    for profile in pc.profiles().map_err(failed)? {
        for info in pc.hives().map_err(failed)? {
            if !info.profile.as_ref().is_some_and(|p| p.same(&profile.path)) {
                continue;
            }
            let access = pc.hive_root_access(&info.hive).map_err(failed)?;
            for sid in [
                SidText::SYSTEM,
                SidText::ADMINISTRATORS,
                profile.sid.as_str(),
            ] {
                if !access.full_control.iter().any(|one| one.as_str() == sid) {
                    return Err(format!("{} does not load for {sid}", info.hive.label()));
                }
            }
        }
    }
    Ok(())
}

/// Nothing is lost, somebody can get in, and the device can still get home.
fn held(rig: &mut Rig, now: &Snapshot, goal: &Snapshot) -> Result<(), String> {
    let state = rig.sample.pc.join_state().map_err(|e| e.to_string())?;
    if matches!(state, JoinState::Workgroup { .. }) {
        rescue(rig)?;
    } else if !because(rig).contains("not as it was") && !because(rig).contains("guard") {
        let (forward, target) = (rig.setup.forward_only, rig.sample.target.clone());
        if !forward || !target.holds(&state) {
            return Err(format!("held, but in {}", state.describe()));
        }
        rescue(rig)?;
    }
    for (key, value) in now {
        let kept = match key.split('/').next() {
            Some("file") => known(value, [&rig.start, goal].map(|s| s.get(key))),
            Some("hive") => cells(value, [&rig.start, goal].map(|s| s.get(key))),
            _ => true,
        };
        if !kept {
            return Err(format!("held, and {key} is lost"));
        }
    }
    for key in rig.start.keys() {
        let data = key.starts_with("file/") || key.starts_with("hive/");
        if data && !now.contains_key(key) {
            return Err(format!("held, and {key} is gone"));
        }
    }
    // Later the directories answer again, and somebody brings a ticket.
    rig.home = Home::Ticket;
    rig.bring_return();
    let mut end = rig.play(Request::Go)?;
    if end == FinalState::Held && rig.setup.forward_only {
        // The target will have none of it: somebody asks for the way back.
        end = rig.play(Request::Undo)?;
    }
    match end {
        FinalState::Held => Err(format!("held for ever: {}", because(rig))),
        other => judge(rig, other, goal).map_err(|error| format!("after being held: {error}")),
    }
}

fn known(value: &[u8], of: [Option<&Vec<u8>>; 2]) -> bool {
    of.into_iter().flatten().any(|one| one == value)
}

/// Security cells are compared; guards in values were checked already.
fn cells(value: &[u8], of: [Option<&Vec<u8>>; 2]) -> bool {
    let sks = |bytes: &[u8]| {
        serde_json::from_slice::<HiveCell>(bytes)
            .ok()
            .map(|hive| hive.sks)
    };
    of.into_iter().flatten().any(|one| sks(one) == sks(value))
}
