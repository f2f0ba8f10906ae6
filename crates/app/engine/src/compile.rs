//! From order, survey and stage package to the plan: pure, so it is tested as a
//! table and gives the same plan in a rehearsal and in the run.

use std::collections::BTreeSet;

use gw_model::StepName;
use gw_platform::{
    Change, FileScope, HiveInfo, HiveRef, HiveState, MapRef, Mode, Profile, ProfileHealth, RegData,
    Scope, SidText, WinPath,
};
use gw_runbook::{LeaveFrom, PermissionMode};

use crate::journal::{Survey, UserPlan};
use crate::rundir::{JoinKind, OrderFile, StageFile};

/// One step and its changes. Steps without changes (verify, clean-up, …) are
/// there too: they read, prove and report.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Which.
    pub name: StepName,
    /// In order.
    pub changes: Vec<Change>,
}

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
    let leaves = settings.leave != LeaveFrom::None;
    let joins = settings.join == JoinKind::ActiveDirectory;

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

    let mut steps = vec![Step {
        name: StepName::GuardsUp,
        changes: guards,
    }];
    let mut step = |name, changes| steps.push(Step { name, changes });
    step(
        StepName::Leave,
        match leaves {
            true => vec![Change::Leave {
                from: survey.join.clone(),
            }],
            false => Vec::new(),
        },
    );
    step(
        StepName::Join,
        match (joins, &stage.target, &stage.secret) {
            (true, Some(target), Some(secret)) => vec![Change::Join {
                target: target.clone(),
                secret: secret.clone(),
            }],
            _ => Vec::new(),
        },
    );
    let Some(mode) = mode else {
        step(StepName::Verify, Vec::new());
        step(StepName::GuardsDown, Vec::new());
        step(StepName::CleanUp, Vec::new());
        return steps;
    };
    let areas = settings.areas;
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
        match file_scope(order, survey, &users) {
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
        user_hives(survey, &users)
            .map(|info| hive(info.hive.clone()))
            .collect(),
    );
    step(
        StepName::MachineHives,
        match areas.registry {
            true => vec![hive(HiveRef::Software), hive(HiveRef::System)],
            false => Vec::new(),
        },
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
    step(StepName::Verify, Vec::new());
    step(StepName::GuardsDown, Vec::new());
    step(StepName::CleanUp, Vec::new());
    steps
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
    let roots = match (settings.areas.files, settings.areas.profiles) {
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
        (false, true) if !folders.is_empty() => folders.clone(),
        _ => return None,
    };
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
    let roots = match settings.areas.files {
        true => Vec::new(),
        false => profiles.iter().map(|p| p.path.clone()).collect(),
    };
    Scope {
        files: (settings.areas.files || settings.areas.profiles).then(|| FileScope {
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
    }
}

fn mode(mode: PermissionMode) -> Option<Mode> {
    match mode {
        PermissionMode::Leave => None,
        PermissionMode::Add => Some(Mode::Add),
        PermissionMode::Replace => Some(Mode::Replace),
    }
}
