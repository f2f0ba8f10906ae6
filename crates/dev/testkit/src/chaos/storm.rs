//! Random bad weather for one run, and the sum over many.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use gw_engine::Request;
use gw_model::FinalState;
use gw_platform::MachineError;
use gw_platform::fake::{Fault, Phase};

use super::dice::Dice;
use super::flow::{Flow, Name};
use super::oracle::{Snapshot, goal, judge};
use super::planted::Flaw;
use super::player::Weather;
use super::rig::{Cut, Home, Rig, Setup};

/// Kinds of bad weather.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The power fails.
    PowerCut,
    /// The engine's process is killed.
    Kill,
    /// Unflushed journal bytes are lost, torn or full of holes.
    TornJournal,
    /// The system denies access.
    AccessDenied,
    /// Somebody else holds an object.
    FileInUse,
    /// The device's disk, or that of the run directory, is full.
    DiskFull,
    /// No directory answers for a while.
    NetworkLoss,
    /// The target does not accept the device.
    TargetRefuses,
    /// The target does not answer.
    TargetGone,
    /// A stop is asked for.
    Stop,
    /// The clock jumps, in either direction.
    ClockJump,
    /// A change says it is done and is not.
    SilentLoss,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 12] = [
        Kind::PowerCut,
        Kind::Kill,
        Kind::TornJournal,
        Kind::AccessDenied,
        Kind::FileInUse,
        Kind::DiskFull,
        Kind::NetworkLoss,
        Kind::TargetRefuses,
        Kind::TargetGone,
        Kind::Stop,
        Kind::ClockJump,
        Kind::SilentLoss,
    ];

    /// Whether a run that meets only such weather still migrates.
    fn passes_by(self) -> bool {
        matches!(
            self,
            Kind::PowerCut | Kind::Kill | Kind::TornJournal | Kind::Stop
        )
    }
}

/// What many runs add up to.
#[derive(Debug, Default)]
pub struct Tally {
    /// Runs.
    pub runs: u64,
    /// Runs in which a kind really struck.
    pub fired: BTreeMap<Kind, u64>,
    /// Final states.
    pub ends: BTreeMap<String, u64>,
    /// The same by flow.
    pub by_flow: BTreeMap<&'static str, u64>,
    /// Starts of the engine.
    pub starts: u64,
    /// Runs that reached no final state, with the seed.
    pub stranded: Vec<String>,
    /// Runs that ended otherwise than they may, with the seed.
    pub wrong: Vec<String>,
}

/// One run's end.
pub(super) struct Ended {
    end: FinalState,
    fired: BTreeSet<Kind>,
    flow: Flow,
    starts: u32,
}

/// Unbroken ends by what a run is made of, so that each is computed once.
pub(super) type Goals = BTreeMap<(Flow, Name, u32, u32, bool), Snapshot>;

/// Plays the runs of seeds `first..first + runs`.
pub fn storms(first: u64, runs: u64) -> Tally {
    let mut goals = Goals::new();
    let mut tally = Tally::default();
    for seed in first..first + runs {
        tally.runs += 1;
        match one(seed, None, &mut goals) {
            Ok(ended) => {
                for kind in ended.fired {
                    *tally.fired.entry(kind).or_default() += 1;
                }
                let end = format!("{:?}", ended.end).to_lowercase();
                *tally.ends.entry(end).or_default() += 1;
                *tally.by_flow.entry(ended.flow.name()).or_default() += 1;
                tally.starts += u64::from(ended.starts);
            }
            Err(error) if error.starts_with("stranded") => {
                tally.stranded.push(format!("seed {seed}: {error}"));
            }
            Err(error) => tally.wrong.push(format!("seed {seed}: {error}")),
        }
    }
    tally
}

/// One run with an optional planted mistake.
///
/// # Errors
/// What was wrong with its end.
pub fn storm(seed: u64, flaw: Option<Flaw>) -> Result<(), String> {
    one(seed, flaw, &mut Goals::new()).map(drop)
}

/// Objects that faults may strike.
const OBJECTS: [&str; 16] = [
    "UsrClass",
    "NTUSER",
    "translate hive SYSTEM",
    "translate hive SOFTWARE",
    "hand profile",
    "translate files",
    "translate local groups",
    r"Documents\1.txt",
    "leave",
    "join",
    "give",
    "set registry value",
    "make godwit",
    "park",
    "unregister",
    "rename",
];

/// Changes that may be lost without a word.
const SILENT: [&str; 7] = [
    "translate files",
    "translate hive SYSTEM",
    "hand profile",
    "translate local groups",
    "join",
    "leave",
    "rename",
];

pub(super) fn one(seed: u64, flaw: Option<Flaw>, goals: &mut Goals) -> Result<Ended, String> {
    let mut dice = Dice::new(seed);
    let setup = Setup {
        flow: *dice.pick(&Flow::ALL),
        name: match dice.percent(30) {
            true => Name::New,
            false => Name::Kept,
        },
        users: 1 + dice.below(2) as u32,
        files: 2 + dice.below(3) as u32,
        running: dice.percent(80),
        forward_only: dice.percent(8),
        budget_s: 2_000,
        flaw,
    };
    let key = (
        setup.flow,
        setup.name,
        setup.users,
        setup.files,
        setup.running,
    );
    if let Entry::Vacant(place) = goals.entry(key) {
        place.insert(goal(&Setup {
            forward_only: false,
            ..setup.clone()
        })?);
    }
    let mut rig = Rig::new(setup);
    rig.seed = dice.roll();
    rig.home = match dice.below(100) {
        0..50 => Home::Ticket,
        50..65 => Home::StaleFirst,
        65..75 => Home::Later(3),
        75..85 => Home::NotYet,
        _ => Home::Never,
    };
    let home = rig.home;
    let mut planned = BTreeSet::new();
    let count = [0, 1, 1, 1, 2, 2, 2, 3, 3, 4][dice.below(10) as usize];
    for _ in 0..count {
        let kind = *dice.pick(&Kind::ALL);
        plant(kind, &mut rig, &mut dice);
        planned.insert(kind);
    }
    let asked = dice.percent(12);
    if asked {
        match dice.percent(60) {
            true => rig.undo_at = Some(2 + dice.below(6) as u32),
            false => rig.undo_afterwards = true,
        }
    }
    let end = rig.play(Request::Go)?;
    let fired = fired(&rig, &planned);
    let starts = rig.starts;
    let undone = asked && rig.records().iter().any(asked_back);
    allowed(end, &fired, home, undone, &rig)?;
    let goal = &goals[&key];
    judge(&mut rig, end, goal).map_err(|error| format!("{:?}, {fired:?}: {error}", key))?;
    Ok(Ended {
        end,
        fired,
        flow: key.0,
        starts,
    })
}

fn asked_back(record: &gw_engine::journal::Record) -> bool {
    matches!(
        record.event,
        gw_engine::journal::Event::GoingBack {
            requested: true,
            ..
        }
    )
}

/// Whether this end may follow from this weather.
fn allowed(
    end: FinalState,
    fired: &BTreeSet<Kind>,
    home: Home,
    undone: bool,
    rig: &Rig,
) -> Result<(), String> {
    let fine = fired.iter().all(|kind| kind.passes_by());
    let because = || {
        rig.records()
            .into_iter()
            .rev()
            .find_map(|record| match record.event {
                gw_engine::journal::Event::Final { because, .. } => Some(because),
                _ => None,
            })
    };
    if fine && !undone && end != FinalState::Migrated {
        return Err(format!(
            "nothing stood in the way ({fired:?}), but it ended {end:?}: {:?}",
            because()
        ));
    }
    let serious = fired.iter().any(|kind| {
        matches!(
            kind,
            Kind::AccessDenied
                | Kind::FileInUse
                | Kind::DiskFull
                | Kind::NetworkLoss
                | Kind::ClockJump
        )
    });
    if home == Home::Ticket && !serious && !rig.setup.forward_only && end == FinalState::Held {
        return Err(format!(
            "a ticket was there ({fired:?}), but it is held: {:?}",
            because()
        ));
    }
    Ok(())
}

fn plant(kind: Kind, rig: &mut Rig, dice: &mut Dice) {
    // A run writes 60 to 120 records and makes 250 to 600 instructions.
    let at = dice.below(110);
    let coming = &mut rig.sky.coming;
    let fault = |error: fn(String) -> MachineError, dice: &mut Dice| {
        let object = (*dice.pick(&OBJECTS)).to_owned();
        Weather::Fault(Fault {
            phase: *dice.pick(&[
                Phase::Prepare,
                Phase::Execute,
                Phase::Execute,
                Phase::Execute,
                Phase::Revert,
            ]),
            error: error(object.clone()),
            object,
            times: *dice.pick(&[1, 1, 3, 999]),
        })
    };
    match kind {
        Kind::PowerCut | Kind::TornJournal => {
            rig.cuts.push((dice.below(450), Cut::Power));
            if dice.percent(40) {
                rig.cuts.push((dice.below(120), Cut::Power));
            }
        }
        Kind::Kill => rig.cuts.push((dice.below(450), Cut::Kill)),
        Kind::AccessDenied => {
            let fault = fault(|object| MachineError::AccessDenied { object }, dice);
            coming.push((at / 2, fault));
        }
        Kind::FileInUse => {
            let fault = fault(|object| MachineError::InUse { object }, dice);
            coming.push((at / 2, fault));
        }
        Kind::DiskFull if dice.percent(50) => {
            let fault = fault(|object| MachineError::DiskFull { object }, dice);
            coming.push((at / 2, fault));
        }
        Kind::DiskFull => {
            let left = dice.below(3_000);
            coming.push((at, Weather::Disk(Some(left))));
        }
        Kind::NetworkLoss => {
            coming.push((at, Weather::Network(false)));
            coming.push((at + 1 + dice.below(50), Weather::Network(true)));
        }
        Kind::TargetRefuses => coming.push((at / 2, Weather::TargetRefuses)),
        Kind::TargetGone => {
            coming.push((at, Weather::Target(false)));
            if dice.percent(50) {
                coming.push((at + 1 + dice.below(50), Weather::Target(true)));
            }
        }
        Kind::Stop => rig.storage.meter.stop_at.set(Some(at)),
        Kind::ClockJump => {
            let far = [600, 5_000, 86_400, 8_640_000][dice.below(4) as usize];
            let seconds = if dice.percent(50) { far } else { -far };
            coming.push((at, Weather::Clock(seconds)));
        }
        Kind::SilentLoss => {
            let what = (*dice.pick(&SILENT)).to_owned();
            coming.push((at / 3, Weather::Silent(what)));
        }
    }
}

/// Which of the planned kinds really struck.
fn fired(rig: &Rig, planned: &BTreeSet<Kind>) -> BTreeSet<Kind> {
    let met = &rig.sky.met;
    let meter = &rig.storage.meter;
    let struck = |kind: Kind| match kind {
        Kind::PowerCut => rig.met_cuts[0] > 0,
        Kind::Kill => rig.met_cuts[1] > 0,
        Kind::TornJournal => meter.torn.get() > 0,
        Kind::AccessDenied => met.denied > 0,
        Kind::FileInUse => met.in_use > 0,
        Kind::DiskFull => met.full > 0 || meter.full.get() > 0,
        Kind::NetworkLoss | Kind::TargetGone => {
            planned.contains(&kind) && (met.network > 0 || not_joined(rig))
        }
        Kind::TargetRefuses => planned.contains(&kind) && (met.refused > 0 || not_joined(rig)),
        Kind::Stop => rig.stops > 0,
        Kind::ClockJump => met.jumps > 0,
        Kind::SilentLoss => met.silent > 0,
    };
    Kind::ALL.into_iter().filter(|kind| struck(*kind)).collect()
}

/// A package that did nothing says so only by the state it leaves.
fn not_joined(rig: &Rig) -> bool {
    rig.records().iter().any(|record| {
        matches!(&record.event, gw_engine::journal::Event::Failed { error, .. }
            if error.starts_with("after joining"))
    })
}
