//! From order, survey and stage package to the plan: pure, so it is tested as a
//! table and gives the same plan in a rehearsal and in the run.

use std::collections::{BTreeMap, BTreeSet};

use gw_model::StepName;
use gw_platform::areas::{Area, MACHINE_KEYS, RECYCLE_BINS};
use gw_platform::{
    AreaScope, Change, FileScope, HandedProfile, HiveInfo, HiveRef, HiveState, JoinState, MapRef,
    Mode, Profile, ProfileHealth, RegData, Scope, SecretId, SidText, WinPath,
};
use gw_runbook::{LeaveFrom, PermissionMode};

use crate::journal::{Survey, UserPlan};
use crate::rundir::{FALLBACK, JoinKind, OrderFile, StageFile};

/// One step and its changes. Steps without changes (verify, clean-up, …) are
/// there too: they read, prove and report.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Which.
    pub name: StepName,
    /// In order.
    pub changes: Vec<Planned>,
}

/// A change of the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// What.
    pub change: Change,
    /// The device restarts before the next one.
    pub restart: bool,
}

impl From<Change> for Planned {
    fn from(change: Change) -> Planned {
        Planned {
            change,
            restart: false,
        }
    }
}

/// The task that registers a domain member in Entra.
const DEVICE_JOIN_TASK: &str = "Automatic-Device-Join";

/// Where a tenant may be named for that task, below SOFTWARE (windows.md 3.9).
const DEVICE_JOIN_KEY: &str = r"Microsoft\Windows\CurrentVersion\CDJ\AAD";

/// Where the legal notice of a policy lives, below SOFTWARE.
const NOTICE_KEY: &str = r"Microsoft\Windows\CurrentVersion\Policies\System";

/// Rights that keep a user from signing in; deny beats allow.
const DENY: [&str; 2] = [
    "SeDenyInteractiveLogonRight",
    "SeDenyRemoteInteractiveLogonRight",
];

/// The plan of a run.
///
/// `stage` without a target gives a plan without a join (a rehearsal may have
/// none). Profiles that cannot change hands (loaded, `.bak`) are in the plan;
/// preflight has refused them before it is used.
pub fn compile(order: &OrderFile, survey: &Survey, stage: &StageFile, map: &MapRef) -> Vec<Step> {
    let settings = &order.settings;
    let users = users(order, survey, stage);
    let mode = mode(settings.mode);
    let mut guards = Vec::new();
    if let Some(notice) = &settings.legal_notice {
        for (name, text) in [
            ("legalnoticecaption", &notice.caption),
            ("legalnoticetext", &notice.text),
        ] {
            guards.push(Change::SetRegistryValue {
                hive: HiveRef::Software,
                key: NOTICE_KEY.to_owned(),
                name: name.to_owned(),
                data: Some(RegData::Text(text.clone())),
            });
        }
    }
    if settings.prevent_login {
        let people: BTreeSet<&SidText> = users
            .iter()
            .flat_map(|user| [&user.source_sid, &user.target_sid])
            .collect();
        for sid in people {
            for right in DENY {
                guards.push(Change::SetAccountRight {
                    sid: sid.clone(),
                    right: right.to_owned(),
                    held: true,
                });
            }
        }
    }

    let mut steps = Vec::new();
    let mut step = |name, changes: Vec<Change>| {
        steps.push(Step {
            name,
            changes: changes.into_iter().map(Planned::from).collect(),
        });
    };
    step(StepName::Stage, fallback(order));
    step(StepName::GuardsUp, guards);
    steps.extend(membership(order, survey, stage));
    if let Some(mode) = mode {
        let scope = area_scope(order, &users, stage);
        steps.extend(permissions(order, survey, &users, map, mode, scope));
    }
    // Verification reads the device as its users will find it.
    if survey.restarts
        && let Some(last) = steps
            .iter_mut()
            .rev()
            .find_map(|step| step.changes.last_mut())
    {
        last.restart = true;
    }
    for name in [StepName::Verify, StepName::GuardsDown, StepName::CleanUp] {
        steps.push(Step {
            name,
            changes: Vec::new(),
        });
    }
    steps
}

/// The steps that hand everything over to the target users.
fn permissions(
    order: &OrderFile,
    survey: &Survey,
    users: &[UserPlan],
    map: &MapRef,
    mode: Mode,
    outside: Option<AreaScope>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut step = |name, changes: Vec<Change>| {
        steps.push(Step {
            name,
            changes: changes.into_iter().map(Planned::from).collect(),
        });
    };
    let areas = order.settings.areas;
    step(
        StepName::Profiles,
        users
            .iter()
            .map(|user| Change::RekeyProfile {
                source_sid: user.source_sid.clone(),
                target_sid: user.target_sid.clone(),
                path: user.path.clone(),
            })
            .collect(),
    );
    step(
        StepName::Files,
        match file_scope(order, survey, users) {
            Some(scope) => vec![Change::TranslateFiles {
                scope,
                map: map.clone(),
                mode,
            }],
            None => Vec::new(),
        },
    );
    let hive = |hive: HiveRef| Change::TranslateHive {
        hive,
        map: map.clone(),
        mode,
    };
    step(
        StepName::UserHives,
        user_hives(survey, users)
            .map(|info| hive(info.hive.clone()))
            .collect(),
    );
    step(
        StepName::MachineHives,
        [HiveRef::Software, HiveRef::System]
            .into_iter()
            .filter(|_| areas.registry)
            .map(hive)
            .chain(outside.map(|scope| Change::TranslateAreas {
                scope,
                map: map.clone(),
                mode,
            }))
            .collect(),
    );
    step(
        StepName::LocalGroups,
        match areas.local_groups {
            true => vec![Change::TranslateLocalGroups {
                map: map.clone(),
                mode,
            }],
            false => Vec::new(),
        },
    );
    steps
}

/// The areas outside descriptors of files and keys; `None` when none is on.
fn area_scope(order: &OrderFile, users: &[UserPlan], stage: &StageFile) -> Option<AreaScope> {
    let names = stage
        .pairs
        .iter()
        .filter_map(|pair| Some((pair.target_sid.clone(), pair.target_name.clone()?)))
        .collect();
    let scope = areas_read(order, users.iter().map(|u| (&u.source_sid, &u.path)))?;
    Some(AreaScope { names, ..scope })
}

/// The same for reading: names do not matter then.
pub(crate) fn areas_read<'a>(
    order: &OrderFile,
    handed: impl Iterator<Item = (&'a SidText, &'a WinPath)>,
) -> Option<AreaScope> {
    let settings = &order.settings;
    if settings.mode == PermissionMode::Leave {
        return None;
    }
    AreaScope {
        areas: settings.outside.clone()?,
        ignored: settings.ignored.clone(),
        handed: handed
            .map(|(sid, path)| HandedProfile {
                source_sid: sid.clone(),
                path: path.clone(),
            })
            .collect(),
        names: BTreeMap::new(),
    }
    .executed()
}

/// Folders of the areas that have a switch of their own, with that switch;
/// an order from before there was one has none.
fn switched_folders(order: &OrderFile) -> Vec<(WinPath, bool)> {
    let Some(areas) = &order.settings.outside else {
        return Vec::new();
    };
    [
        (RECYCLE_BINS, Area::RecycleBins),
        (MACHINE_KEYS, Area::KeyStores),
    ]
    .into_iter()
    .filter_map(|(folder, area)| Some((folder.parse().ok()?, areas.contains(&area))))
    .collect()
}

/// A way in that needs no directory, made while there still is one.
fn fallback(order: &OrderFile) -> Vec<Change> {
    let settings = &order.settings;
    match &settings.fallback_administrator {
        Some(name) if settings.leave != LeaveFrom::None => vec![Change::MakeAdministrator {
            name: name.clone(),
            password: SecretId(FALLBACK.to_owned()),
        }],
        _ => Vec::new(),
    }
}

/// The steps that leave one directory and join another, with the restarts that
/// a running Windows needs between them (`docs/intended-behaviour`).
fn membership(order: &OrderFile, survey: &Survey, stage: &StageFile) -> [Step; 2] {
    let settings = &order.settings;
    let restart = |change, restart| Planned {
        change,
        restart: restart && survey.restarts,
    };
    let to_entra = settings.join == JoinKind::Entra;
    let offline = settings.join == JoinKind::ActiveDirectoryOffline;
    let in_domain = matches!(survey.join, JoinState::ActiveDirectory(_));
    let enrolments = || match survey.enrolments.is_empty() {
        true => None,
        false => Some(Planned::from(Change::ClearEnrolments {
            ids: survey.enrolments.clone(),
        })),
    };
    let (mut leave, mut join) = (Vec::new(), Vec::new());
    if settings.leave != LeaveFrom::None {
        // A domain that is left keeps the registration of a device alive, and
        // an enrolment belongs to the identity that goes.
        let registered = survey.registration.as_ref().filter(|_| in_domain);
        if let Some(from) = registered {
            leave.push(Planned::from(Change::SetTask {
                task: DEVICE_JOIN_TASK.to_owned(),
                enabled: false,
            }));
            leave.push(Planned::from(Change::SetRegistryValue {
                hive: HiveRef::Software,
                key: DEVICE_JOIN_KEY.to_owned(),
                name: "TenantId".to_owned(),
                data: None,
            }));
            leave.extend(enrolments());
            leave.push(Planned::from(Change::Unregister { from: from.clone() }));
        } else if !in_domain {
            leave.extend(enrolments());
        } else if to_entra {
            join.extend(enrolments());
        }
        leave.push(restart(
            Change::Leave {
                from: survey.join.clone(),
            },
            in_domain && (to_entra || offline),
        ));
    }
    if settings.join != JoinKind::None
        && let (Some(target), Some(secret)) = (&stage.target, &stage.secret)
    {
        // Between leaving and joining: a member that is renamed first would be
        // locked out of its source if the power failed before it leaves, and one
        // that is renamed last joins an account that it is not called by. No
        // restart of its own: a join takes the name that waits for one
        // (NETSETUP_JOIN_WITH_NEW_NAME, windows.md 3.2 and 3.3; a blob brings the
        // same name, a package is worked off while Windows starts), so name and
        // membership become true in the same start.
        join.extend(new_name(survey, stage).map(Planned::from));
        join.push(restart(
            Change::Join {
                target: target.clone(),
                secret: secret.clone(),
            },
            true,
        ));
    }
    [(StepName::Leave, leave), (StepName::Join, join)].map(|(name, changes)| Step { name, changes })
}

/// The name that the target knows the device by, if it is another one.
pub(crate) fn new_name(survey: &Survey, stage: &StageFile) -> Option<Change> {
    let (from, to) = (&survey.facts.computer_name, stage.computer_name.as_ref()?);
    (!from.eq_ignore_ascii_case(to)).then(|| Change::Rename {
        from: from.clone(),
        to: to.clone(),
    })
}

/// Users whose profiles change hands: a registered profile and a pair.
pub fn users(order: &OrderFile, survey: &Survey, stage: &StageFile) -> Vec<UserPlan> {
    if !order.settings.areas.profiles || order.settings.mode == PermissionMode::Leave {
        return Vec::new();
    }
    let mut users: Vec<UserPlan> = survey
        .profiles
        .iter()
        .filter(|profile| profile.health != ProfileHealth::FolderMissing)
        .filter_map(|profile| {
            let pair = stage.pairs.iter().find(|p| p.source_sid == profile.sid)?;
            (pair.source_sid != pair.target_sid).then(|| UserPlan {
                user: pair
                    .target_name
                    .clone()
                    .or_else(|| pair.source_name.clone())
                    .unwrap_or_else(|| folder_name(profile)),
                source_sid: pair.source_sid.clone(),
                target_sid: pair.target_sid.clone(),
                path: profile.path.clone(),
            })
        })
        .collect();
    users.sort_by(|a, b| a.source_sid.cmp(&b.source_sid));
    users
}

fn folder_name(profile: &Profile) -> String {
    profile.path.file_name().unwrap_or("?").to_owned()
}

/// Files a run rewrites; `None` when it rewrites none.
pub fn file_scope(order: &OrderFile, survey: &Survey, users: &[UserPlan]) -> Option<FileScope> {
    let settings = &order.settings;
    if settings.mode == PermissionMode::Leave {
        return None;
    }
    let folders: Vec<WinPath> = users.iter().map(|user| user.path.clone()).collect();
    let mut ignored = settings.ignored.clone();
    let switched = switched_folders(order);
    let on = |(folder, on): &(WinPath, bool)| on.then(|| folder.clone());
    let mut roots: Vec<WinPath> = match (settings.areas.files, settings.areas.profiles) {
        // A profile that does not change hands is left alone whole: half of it translated would
        // be neither the old user's nor anybody else's.
        (true, true) => {
            let stays = |profile: &&Profile| !folders.iter().any(|f| f.same(&profile.path));
            let left = survey
                .profiles
                .iter()
                .filter(stays)
                .map(|p| p.path.to_string());
            ignored.extend(left);
            Vec::new()
        }
        (true, false) => {
            ignored.extend(survey.profiles.iter().map(|p| p.path.to_string()));
            Vec::new()
        }
        (false, true) => folders.clone(),
        (false, false) => Vec::new(),
    };
    if settings.areas.files {
        let off = switched.iter().filter(|(_, on)| !on);
        ignored.extend(off.map(|(folder, _)| folder.to_string()));
    } else {
        roots.extend(switched.iter().filter_map(on));
        if roots.is_empty() {
            return None;
        }
    }
    Some(FileScope {
        roots,
        ignored,
        count_under: folders,
    })
}

/// Hives of the users whose profiles change hands.
pub fn user_hives<'a>(
    survey: &'a Survey,
    users: &'a [UserPlan],
) -> impl Iterator<Item = &'a HiveInfo> {
    survey.hives.iter().filter(move |info| {
        !matches!(info.state, HiveState::Refused { .. })
            && info
                .profile
                .as_ref()
                .is_some_and(|folder| users.iter().any(|user| user.path.same(folder)))
    })
}

/// What the first look at a device covers: everything any plan of this order
/// could touch.
pub fn survey_scope(order: &OrderFile, profiles: &[Profile], hives: &[HiveInfo]) -> Scope {
    let settings = &order.settings;
    if settings.mode == PermissionMode::Leave {
        return Scope {
            profiles: true,
            groups: true,
            ..Scope::default()
        };
    }
    let readable = |info: &&HiveInfo| !matches!(info.state, HiveState::Refused { .. });
    let mut roots: Vec<WinPath> = Vec::new();
    if !settings.areas.files {
        roots.extend(
            profiles
                .iter()
                .filter(|_| settings.areas.profiles)
                .map(|p| p.path.clone()),
        );
        let switched = switched_folders(order).into_iter();
        roots.extend(switched.filter_map(|(folder, on)| on.then_some(folder)));
    }
    Scope {
        files: (settings.areas.files || !roots.is_empty()).then(|| FileScope {
            roots,
            ignored: settings.ignored.clone(),
            count_under: Vec::new(),
        }),
        hives: hives
            .iter()
            .filter(readable)
            .filter(|info| match info.profile {
                Some(_) => settings.areas.profiles,
                None => settings.areas.registry,
            })
            .map(|info| info.hive.clone())
            .collect(),
        profiles: true,
        groups: true,
        areas: areas_read(order, profiles.iter().map(|p| (&p.sid, &p.path))),
    }
}

fn mode(mode: PermissionMode) -> Option<Mode> {
    match mode {
        PermissionMode::Leave => None,
        PermissionMode::Add => Some(Mode::Add),
        PermissionMode::Replace => Some(Mode::Replace),
    }
}
