//! Looks for what would stop a run, before anything changes. Pure: takes what
//! was read, gives findings with evidence and remedy.

use gw_model::RunKind;
use gw_platform::{
    Change, Facts, HiveState, Ignored, JoinState, JoinTarget, Pending, Profile, ProfileHealth,
    Reach, SidText,
};
use gw_runbook::{LeaveFrom, PermissionMode};

use crate::compile::{new_name, users};
use crate::journal::{Finding, Severity, Survey};
use crate::rundir::{JoinKind, OrderFile, ReturnGrade, StageFile};

/// Checks that need only the device.
pub fn device(order: &OrderFile, survey: &Survey) -> Vec<Finding> {
    let mut out = Vec::new();
    let settings = &order.settings;
    let facts = &survey.facts;
    if facts.os.is_server && !settings.allow_server {
        out.push(blocks(
            "server_os",
            format!("{} is a server edition", facts.os.product),
            "allow server editions in the runbook, or take the device out of the batch",
        ));
    }
    out.extend(membership(order, &survey.join));
    out.extend(power(order, facts));
    let free = facts.system_volume.free_bytes;
    if free < settings.min_free_bytes {
        out.push(blocks(
            "disk_space",
            format!(
                "{} has {free} bytes free, {} are needed",
                facts.system_volume.root, settings.min_free_bytes
            ),
            "free space on the system volume",
        ));
    }
    for pending in &facts.pending {
        let (check, because, remedy) = match pending {
            Pending::Reboot { because } => ("pending_reboot", because, "restart the device"),
            Pending::RenameOrJoin { because } => ("pending_rename", because, "restart the device"),
            Pending::Volume { because } => (
                "volume",
                because,
                "let Windows check the volume and shut it down fully",
            ),
        };
        out.push(blocks(check, because.clone(), remedy));
    }
    let ignored = Ignored::compile(settings.ignored.iter().map(String::as_str), &facts.folders);
    for pattern in ignored.unusable() {
        out.push(finding(
            Severity::Warning,
            "ignored_area",
            format!("the ignored area {pattern:?} means nothing on this device"),
            "correct the pattern in the runbook",
        ));
    }
    if !has_other_way_in(survey) {
        out.push(finding(
            Severity::Warning,
            "way_in",
            "no local account is among the Administrators".to_owned(),
            "let the runbook make a fallback administrator",
        ));
    }
    for object in &survey.seen.unreadable {
        out.push(finding(
            Severity::Warning,
            "descriptor",
            format!("the descriptor of {object} cannot be understood and stays as it is"),
            "look at the object",
        ));
    }
    out
}

/// Checks that need the stage package. `profiles` are read again: hours may
/// lie between the survey and the start.
pub fn staged(
    order: &OrderFile,
    survey: &Survey,
    stage: &StageFile,
    profiles: &[Profile],
    reach: &Reach,
) -> Vec<Finding> {
    let mut out = Vec::new();
    if let Err(error) = stage.map() {
        out.push(blocks(
            "table",
            error.to_string(),
            "correct the translation table",
        ));
        return out;
    }
    if registrations(profiles) != registrations(&survey.profiles) {
        out.push(blocks(
            "profiles_changed",
            "profiles were added or removed since the device was staged".to_owned(),
            "start the run again",
        ));
    }
    let people = users(order, survey, stage);
    for user in &people {
        let Some(profile) = profiles.iter().find(|p| p.sid == user.source_sid) else {
            continue;
        };
        if profile.loaded {
            out.push(blocks(
                "profile_loaded",
                format!("the profile of {} ({}) is in use", user.user, user.path),
                "sign the user out, or restart the device",
            ));
        }
        if let ProfileHealth::Bak | ProfileHealth::Temporary = profile.health {
            out.push(blocks(
                "profile_health",
                format!(
                    "the profile of {} ({}) is temporary or registered as .bak",
                    user.user, user.path
                ),
                "repair the profile's registration",
            ));
        }
        if profiles.iter().any(|p| p.sid == user.target_sid) {
            out.push(finding(
                Severity::Warning,
                "target_profile",
                format!(
                    "{} has a profile already; its registration is parked",
                    user.target_sid
                ),
                "",
            ));
        }
    }
    if order.settings.mode != PermissionMode::Leave {
        for profile in profiles {
            if !people.iter().any(|user| user.source_sid == profile.sid) {
                out.push(finding(
                    Severity::Info,
                    "unmapped_profile",
                    format!(
                        "{} ({}) has no pair and is left alone",
                        profile.sid, profile.path
                    ),
                    "",
                ));
            }
        }
        out.extend(hives(order, survey, stage));
    }
    out.extend(joining(order, stage, reach));
    out.extend(naming(order, survey, stage));
    if order.settings.leave != LeaveFrom::None
        && matches!(
            survey.join,
            JoinState::ActiveDirectory(_) | JoinState::Entra { .. }
        )
    {
        out.push(way_back(order, stage));
    }
    out
}

fn membership(order: &OrderFile, join: &JoinState) -> Option<Finding> {
    let leave = order.settings.leave;
    let kind_fits = match (leave, join) {
        (LeaveFrom::None, _) => return None,
        (LeaveFrom::All, _) => true,
        (LeaveFrom::ActiveDirectory, JoinState::ActiveDirectory(_)) => true,
        (LeaveFrom::Entra, JoinState::Entra { .. }) => true,
        _ => false,
    };
    let from_source = match join {
        JoinState::Workgroup { .. } => true,
        _ => order.sources.iter().any(|source| source.holds(join)),
    };
    (!kind_fits || !from_source).then(|| {
        blocks(
            "source",
            format!("the device is in {}", join.describe()),
            "put the device into a batch whose source it belongs to",
        )
    })
}

fn power(order: &OrderFile, facts: &Facts) -> Option<Finding> {
    let percent = facts.power.battery_percent?;
    let least = order.settings.min_battery_percent;
    (!facts.power.on_mains && percent < least).then(|| {
        blocks(
            "power",
            format!("on battery with {percent} % left, {least} % are needed"),
            "connect the device to the mains",
        )
    })
}

/// A member of Administrators that is no domain user: its SID belongs to the
/// device itself, which no profile map touches.
fn has_other_way_in(survey: &Survey) -> bool {
    let domain = match &survey.join {
        JoinState::ActiveDirectory(ad) => Some(&ad.domain_sid),
        _ => None,
    };
    survey
        .groups
        .iter()
        .filter(|group| group.sid.as_str() == SidText::ADMINISTRATORS)
        .flat_map(|group| &group.members)
        .any(|sid| {
            sid.as_str().starts_with("S-1-5-21-")
                && domain.is_none_or(|domain| !sid.is_in_domain(domain))
        })
}

fn registrations(profiles: &[Profile]) -> Vec<(&SidText, String)> {
    profiles
        .iter()
        .map(|profile| (&profile.sid, profile.path.folded()))
        .collect()
}

fn hives(order: &OrderFile, survey: &Survey, stage: &StageFile) -> Vec<Finding> {
    let people = users(order, survey, stage);
    let mut out = Vec::new();
    for info in &survey.hives {
        let concerned = match &info.profile {
            Some(folder) => people.iter().any(|user| user.path.same(folder)),
            None => order.settings.areas.registry,
        };
        if !concerned {
            continue;
        }
        let label = info.hive.label();
        match &info.state {
            HiveState::Clean => {}
            HiveState::Recoverable => out.push(finding(
                Severity::Info,
                "hive_recovery",
                format!("{label} is recovered from its logs first"),
                "",
            )),
            HiveState::Refused { because } => out.push(blocks(
                "hive",
                format!("{label} cannot be rewritten: {because}"),
                "start Windows once and shut it down fully, or restore the file",
            )),
        }
        if info.loaded && info.profile.is_some() {
            out.push(blocks(
                "hive_loaded",
                format!("{label} is in use"),
                "sign the user out, or restart the device",
            ));
        }
    }
    out
}

fn joining(order: &OrderFile, stage: &StageFile, reach: &Reach) -> Option<Finding> {
    if order.settings.join == JoinKind::None {
        return None;
    }
    let Some(target) = &stage.target else {
        let severity = match order.kind {
            RunKind::Rehearse => Severity::Info,
            _ => Severity::Blocks,
        };
        return Some(finding(
            severity,
            "target",
            "the stage package holds no target to join".to_owned(),
            "stage the device again",
        ));
    };
    let right_kind = match target {
        JoinTarget::ActiveDirectory(_) => order.settings.join == JoinKind::ActiveDirectory,
        JoinTarget::ActiveDirectoryOffline(_) => {
            order.settings.join == JoinKind::ActiveDirectoryOffline
        }
        JoinTarget::Entra(_) => order.settings.join == JoinKind::Entra,
    };
    let right_place = order.target.as_ref().is_none_or(|wanted| match target {
        JoinTarget::Entra(entra) => wanted.dns_name.eq_ignore_ascii_case(&entra.tenant_id),
        JoinTarget::ActiveDirectory(ad) | JoinTarget::ActiveDirectoryOffline(ad) => {
            match &wanted.domain_sid {
                Some(sid) => *sid == ad.domain_sid,
                None => wanted.dns_name.eq_ignore_ascii_case(&ad.dns_name),
            }
        }
    });
    if !right_kind || !right_place {
        return Some(blocks(
            "target",
            format!(
                "the stage package joins {}, the order another directory",
                target.describe()
            ),
            "stage the device again",
        ));
    }
    if stage.secret.is_none() && order.kind != RunKind::Rehearse {
        return Some(blocks(
            "target",
            "the stage package holds no machine secret".to_owned(),
            "stage the device again",
        ));
    }
    match reach {
        Reach::Yes { server } => Some(finding(
            Severity::Info,
            "target_reach",
            format!("{server} answers"),
            "",
        )),
        Reach::Unknown => None,
        Reach::No { because } => Some(blocks(
            "target_reach",
            format!("{} does not answer: {because}", target.describe()),
            "check name resolution, routes and firewalls between the device and the target",
        )),
    }
}

/// Whether the device can be called what the target calls it.
fn naming(order: &OrderFile, survey: &Survey, stage: &StageFile) -> Option<Finding> {
    let Some(Change::Rename { from, to }) = new_name(survey, stage) else {
        return None;
    };
    if order.settings.join == JoinKind::None {
        return None;
    }
    if let Err(error) = gw_runbook::check_computer_name(&to) {
        return Some(blocks(
            "computer_name",
            format!("{from} cannot be renamed to {to:?}: {error}"),
            "correct the pattern for new names in the runbook",
        ));
    }
    let account = stage
        .target
        .as_ref()
        .and_then(JoinTarget::active_directory)
        .map(|ad| &ad.account_name)
        .filter(|account| !account.eq_ignore_ascii_case(&format!("{to}$")));
    if let Some(account) = account {
        return Some(blocks(
            "computer_name",
            format!("{from} would be renamed to {to}, but its account in the target is {account}"),
            "stage the device again",
        ));
    }
    let stays = order.settings.leave == LeaveFrom::None;
    if stays && !matches!(survey.join, JoinState::Workgroup { .. }) {
        return Some(blocks(
            "computer_name",
            format!(
                "{from} would be renamed to {to} while it is in {}",
                survey.join.describe()
            ),
            "let the runbook leave that directory, or keep the name",
        ));
    }
    Some(finding(
        Severity::Info,
        "computer_name",
        format!("{from} is renamed to {to}"),
        "",
    ))
}

fn way_back(order: &OrderFile, stage: &StageFile) -> Finding {
    let because = format!(
        "return ticket: {:?}, {}",
        stage.return_grade, stage.return_because
    )
    .to_lowercase();
    match stage.return_grade {
        ReturnGrade::None if order.settings.forward_only => finding(
            Severity::Warning,
            "return_ticket",
            format!("{because}; the runbook is forward only"),
            "",
        ),
        ReturnGrade::None => blocks(
            "return_ticket",
            because,
            "give the source directory an account that may reset this computer's password, or mark the runbook as forward only",
        ),
        ReturnGrade::Assisted => finding(
            Severity::Warning,
            "return_ticket",
            because,
            "keep an operator at hand during the run",
        ),
        ReturnGrade::Auto => finding(Severity::Info, "return_ticket", because, ""),
    }
}

fn blocks(check: &str, evidence: String, remedy: &str) -> Finding {
    finding(Severity::Blocks, check, evidence, remedy)
}

fn finding(severity: Severity, check: &str, evidence: String, remedy: &str) -> Finding {
    Finding {
        check: check.to_owned(),
        severity,
        evidence,
        remedy: remedy.to_owned(),
    }
}
