//! `compile` and preflight as tables.

use gw_model::StepName;
use gw_platform::{
    Change, HiveState, JoinTarget, Machine, MapRef, Pending, ProfileHealth, Reach, Scope,
};
use gw_runbook::{LeaveFrom, PermissionMode};

use super::bench::Rig;
use crate::compile::{compile, survey_scope};
use crate::journal::{Finding, Severity, Survey};
use crate::preflight;
use crate::rundir::{
    Areas, JoinKind, ORDER, OrderFile, ReturnGrade, STAGE, StageFile, read_document,
};

struct Case {
    order: OrderFile,
    survey: Survey,
    stage: StageFile,
}

fn case() -> Case {
    let mut rig = Rig::new(|_| {});
    let order: OrderFile = read_document(ORDER, &rig.storage.documents[ORDER]).unwrap();
    let stage = rig.stage_file();
    let pc = &mut rig.sample.pc;
    let (profiles, hives) = (pc.profiles().unwrap(), pc.hives().unwrap());
    let scope: Scope = survey_scope(&order, &profiles, &hives);
    let seen = pc.sids_seen(&scope).unwrap();
    Case {
        order,
        survey: Survey {
            facts: pc.facts().unwrap(),
            join: pc.join_state().unwrap(),
            groups: pc.local_groups().unwrap(),
            sids: seen.distinct(),
            profiles,
            hives,
            seen,
            registration: None,
            enrolments: Vec::new(),
            restarts: false,
        },
        stage,
    }
}

impl Case {
    fn plan(&self) -> Vec<(StepName, usize)> {
        let map = MapRef {
            sha256: "x".to_owned(),
            pairs: 2,
        };
        compile(&self.order, &self.survey, &self.stage, &map)
            .into_iter()
            .map(|step| (step.name, step.changes.len()))
            .collect()
    }

    fn findings(&self) -> Vec<Finding> {
        let mut all = preflight::device(&self.order, &self.survey);
        all.extend(preflight::staged(
            &self.order,
            &self.survey,
            &self.stage,
            &self.survey.profiles,
            &Reach::Yes {
                server: "dc1".to_owned(),
            },
        ));
        all
    }

    fn blocked_by(&self) -> Vec<String> {
        let mut out: Vec<String> = self
            .findings()
            .into_iter()
            .filter(|finding| finding.severity == Severity::Blocks)
            .map(|finding| {
                assert!(
                    !finding.remedy.is_empty(),
                    "{} has no remedy",
                    finding.check
                );
                finding.check
            })
            .collect();
        out.dedup();
        out
    }
}

#[test]
fn plans() {
    use StepName::*;
    let full = |guards, profiles, files, user, machine, groups| {
        vec![
            (Stage, 0),
            (GuardsUp, guards),
            (Leave, 1),
            (Join, 1),
            (Profiles, profiles),
            (Files, files),
            (UserHives, user),
            (MachineHives, machine),
            (LocalGroups, groups),
            (Verify, 0),
            (GuardsDown, 0),
            (CleanUp, 0),
        ]
    };
    type Row = (&'static str, fn(&mut Case), Vec<(StepName, usize)>);
    let table: [Row; 9] = [
        // Two users, two deny rights each for source and target, two values.
        ("everything", |_| {}, full(10, 2, 1, 4, 2, 1)),
        (
            "no guards",
            |c| {
                c.order.settings.prevent_login = false;
                c.order.settings.legal_notice = None;
            },
            full(0, 2, 1, 4, 2, 1),
        ),
        (
            "profiles only",
            |c| {
                c.order.settings.areas = Areas {
                    profiles: true,
                    files: false,
                    registry: false,
                    local_groups: false,
                }
            },
            full(10, 2, 1, 4, 0, 0),
        ),
        (
            "every area",
            |c| c.order.settings.outside = Some(gw_platform::AreaScope::EXECUTED.into()),
            full(10, 2, 1, 4, 3, 1),
        ),
        (
            "recycle bins alone",
            |c| {
                c.order.settings.areas = Areas {
                    profiles: false,
                    files: false,
                    registry: false,
                    local_groups: false,
                };
                c.order.settings.outside = Some([gw_runbook::Area::RecycleBins].into());
            },
            full(2, 0, 1, 0, 1, 0),
        ),
        (
            "all but profiles",
            |c| c.order.settings.areas.profiles = false,
            full(2, 0, 1, 0, 2, 1),
        ),
        (
            "nobody has a pair",
            |c| c.stage.pairs.clear(),
            full(2, 0, 1, 0, 2, 1),
        ),
        ("rehearsal without a target", |c| c.stage.target = None, {
            let mut plan = full(10, 2, 1, 4, 2, 1);
            plan[3].1 = 0;
            plan
        }),
        (
            "only the membership",
            |c| c.order.settings.mode = PermissionMode::Leave,
            vec![
                (Stage, 0),
                (GuardsUp, 2),
                (Leave, 1),
                (Join, 1),
                (Verify, 0),
                (GuardsDown, 0),
                (CleanUp, 0),
            ],
        ),
    ];
    for (name, change, want) in table {
        let mut case = case();
        change(&mut case);
        assert_eq!(case.plan(), want, "{name}");
    }
}

/// The step that joins, with the restarts that follow its changes.
fn joining(case: &Case) -> Vec<String> {
    let map = MapRef {
        sha256: "x".to_owned(),
        pairs: 2,
    };
    compile(&case.order, &case.survey, &case.stage, &map)
        .into_iter()
        .filter(|step| step.name == StepName::Join)
        .flat_map(|step| step.changes)
        .map(|planned| {
            let restart = if planned.restart { ", restart" } else { "" };
            format!("{}{restart}", planned.change.describe())
        })
        .collect()
}

#[test]
fn a_device_is_renamed_before_it_joins_and_only_if_its_name_differs() {
    let (join, renamed) = ("join AD target.test", "rename PC7 to PC-NEW");
    type Row = (Option<&'static str>, fn(&mut Case), Vec<&'static str>);
    let table: [Row; 6] = [
        (None, |_| {}, vec![join]),
        (Some("pc7"), |_| {}, vec![join]),
        (Some("PC-NEW"), |_| {}, vec![renamed, join]),
        (
            Some("PC-NEW"),
            |c| c.survey.restarts = true,
            // One restart for both.
            vec![renamed, "join AD target.test, restart"],
        ),
        (Some("PC-NEW"), |c| c.stage.target = None, vec![]),
        (
            Some("PC-NEW"),
            |c| c.order.settings.join = JoinKind::None,
            vec![],
        ),
    ];
    for (number, (name, change, want)) in table.into_iter().enumerate() {
        let mut case = case();
        case.stage.computer_name = name.map(str::to_owned);
        change(&mut case);
        assert_eq!(joining(&case), want, "row {number}");
    }
}

#[test]
fn a_name_that_cannot_be_had_blocks_the_run() {
    let account = |case: &mut Case, name: &str| {
        if let Some(JoinTarget::ActiveDirectory(ad)) = &mut case.stage.target {
            ad.account_name = name.to_owned();
        }
    };
    type Row = (&'static str, &'static str, fn(&mut Case), bool);
    let table: [Row; 6] = [
        ("PC-NEW", "PC-NEW$", |_| {}, true),
        ("pc-new", "PC-NEW$", |_| {}, true),
        ("PC-NEW", "PC7$", |_| {}, false),
        ("12345", "12345$", |_| {}, false),
        ("SIXTEEN-LETTERS1", "SIXTEEN-LETTERS1$", |_| {}, false),
        (
            "PC-NEW",
            "PC-NEW$",
            |c| c.order.settings.leave = LeaveFrom::None,
            false,
        ),
    ];
    for (name, own, change, good) in table {
        let mut case = case();
        case.stage.computer_name = Some(name.to_owned());
        account(&mut case, own);
        change(&mut case);
        let blocked = case.blocked_by();
        let want: &[&str] = if good { &[] } else { &["computer_name"] };
        assert_eq!(blocked, want, "{name} as {own}");
    }
}

#[test]
fn a_stage_document_without_a_name_keeps_it() {
    let mut stage = serde_json::to_value(case().stage).unwrap();
    stage.as_object_mut().unwrap().remove("computer_name");
    let read: StageFile = read_document(STAGE, &serde_json::to_vec(&stage).unwrap()).unwrap();
    assert_eq!(read, case().stage);
}

#[test]
fn a_plan_never_touches_who_has_no_pair() {
    let case = case();
    let map = MapRef {
        sha256: "x".to_owned(),
        pairs: 2,
    };
    for step in compile(&case.order, &case.survey, &case.stage, &map) {
        for change in step.changes.into_iter().map(|planned| planned.change) {
            let text = serde_json::to_string(&change).unwrap();
            assert!(!text.contains("-1999"), "{text}");
            if let Change::TranslateHive { .. } = change {
                assert!(!text.contains("stranger"), "{text}");
            }
        }
    }
}

#[test]
fn what_blocks_a_run() {
    type Break = fn(&mut Case);
    let table: [(&str, Break); 19] = [
        ("", |_| {}),
        ("server_os", |c| c.survey.facts.os.is_server = true),
        ("", |c| {
            c.survey.facts.os.is_server = true;
            c.order.settings.allow_server = true;
        }),
        ("source", |c| c.order.sources.clear()),
        ("source", |c| c.order.settings.leave = LeaveFrom::Entra),
        ("", |c| {
            c.order.settings.leave = LeaveFrom::None;
            c.order.settings.join = JoinKind::None;
            c.order.sources.clear();
            c.stage.return_grade = ReturnGrade::None;
        }),
        ("power", |c| {
            c.survey.facts.power.on_mains = false;
            c.survey.facts.power.battery_percent = Some(29);
        }),
        ("", |c| {
            c.survey.facts.power.on_mains = false;
            c.survey.facts.power.battery_percent = Some(30);
        }),
        ("disk_space", |c| {
            c.survey.facts.system_volume.free_bytes = c.order.settings.min_free_bytes - 1;
        }),
        ("pending_reboot", |c| {
            c.survey.facts.pending.push(Pending::Reboot {
                because: "updates".to_owned(),
            });
        }),
        ("profile_loaded", |c| c.survey.profiles[0].loaded = true),
        ("", |c| c.survey.profiles[2].loaded = true), // no pair: not our business
        ("profile_health", |c| {
            c.survey.profiles[1].health = ProfileHealth::Bak
        }),
        ("hive", |c| {
            let state = HiveState::Refused {
                because: "a transaction is pending".to_owned(),
            };
            c.survey.hives[0].state = state;
        }),
        ("target", |c| c.stage.target = None),
        ("target", |c| {
            c.order.target.as_mut().unwrap().dns_name = "other.test".to_owned()
        }),
        ("return_ticket", |c| {
            c.stage.return_grade = ReturnGrade::None
        }),
        ("", |c| {
            c.stage.return_grade = ReturnGrade::None;
            c.order.settings.forward_only = true;
        }),
        ("table", |c| {
            c.stage.pairs[0].target_sid = c.stage.pairs[1].source_sid.clone()
        }),
    ];
    for (number, (want, change)) in table.into_iter().enumerate() {
        let mut case = case();
        change(&mut case);
        let got = case.blocked_by();
        let want: Vec<&str> = if want.is_empty() { vec![] } else { vec![want] };
        assert_eq!(got, want, "row {number}");
    }
}

#[test]
fn what_is_only_said() {
    let mut case = case();
    case.order.settings.ignored.push("%NoSuch%".to_owned());
    case.survey.groups.clear();
    let checks: Vec<(String, Severity)> = case
        .findings()
        .into_iter()
        .map(|finding| (finding.check, finding.severity))
        .collect();
    for expected in [
        ("ignored_area", Severity::Warning),
        ("way_in", Severity::Warning),
        ("unmapped_profile", Severity::Info),
        ("target_reach", Severity::Info),
        ("return_ticket", Severity::Info),
    ] {
        let expected = (expected.0.to_owned(), expected.1);
        assert!(checks.contains(&expected), "{expected:?} in {checks:?}");
    }
}

#[test]
fn an_unreachable_target_and_changed_profiles_block_at_the_last_moment() {
    let case = case();
    let no = Reach::No {
        because: "timeout".to_owned(),
    };
    let mut profiles = case.survey.profiles.clone();
    profiles.pop();
    let found = preflight::staged(&case.order, &case.survey, &case.stage, &profiles, &no);
    for check in ["target_reach", "profiles_changed"] {
        assert!(
            found
                .iter()
                .any(|f| f.check == check && f.severity == Severity::Blocks),
            "{check}"
        );
    }
}
