//! From the runbook document to the settings of a run directory.

use gw_engine::rundir::{Areas, JoinKind, LegalNotice, Settings};
use gw_runbook::{Area, Dialog, DomainJoin, Runbook};

/// A runbook asks for something that this agent cannot do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedRunbook {
    /// Entra joins.
    #[error("this agent cannot join Entra yet; choose a runbook that joins Active Directory")]
    EntraJoin,
    /// Offline joins.
    #[error(
        "this agent cannot join offline yet; choose a runbook that reaches a domain controller"
    )]
    OfflineJoin,
    /// Renaming.
    #[error("this agent cannot rename computers yet; choose a runbook that keeps the name")]
    Rename,
}

/// The settings of a run.
///
/// # Errors
/// The runbook asks for something that this agent cannot do: better said before than after.
pub(crate) fn settings(runbook: &Runbook) -> Result<Settings, UnsupportedRunbook> {
    let state = &runbook.device_state;
    let join = match &state.join {
        DomainJoin::None => JoinKind::None,
        DomainJoin::ActiveDirectory(join) if join.offline => {
            return Err(UnsupportedRunbook::OfflineJoin);
        }
        DomainJoin::ActiveDirectory(_) => JoinKind::ActiveDirectory,
        DomainJoin::Entra(_) => return Err(UnsupportedRunbook::EntraJoin),
    };
    if state.rename.is_some() {
        return Err(UnsupportedRunbook::Rename);
    }
    let areas = &runbook.permission_updates.areas;
    Ok(Settings {
        leave: state.leave,
        join,
        forward_only: state.way_back.forward_only,
        allow_server: runbook.general.allow_server_os,
        mode: runbook.permission_updates.mode,
        areas: Areas {
            profiles: areas.contains(&Area::Profiles),
            files: areas.contains(&Area::FileSystem),
            registry: areas.contains(&Area::Registry),
            local_groups: areas.contains(&Area::LocalGroups),
        },
        ignored: runbook.permission_updates.ignored.clone(),
        legal_notice: runbook.startup.set_legal_notice.then(|| notice(runbook)),
        prevent_login: runbook.startup.prevent_login,
        budget_s: u64::from(state.way_back.time_budget_minutes) * 60,
        ..Settings::default()
    })
}

/// The notice shown at sign-in during the run: the runbook's words, or ours.
fn notice(runbook: &Runbook) -> LegalNotice {
    let texts = &runbook.user_experience.texts;
    let own = texts
        .get("default")
        .or_else(|| texts.values().next())
        .and_then(|dialogs| dialogs.get(&Dialog::LegalNotice));
    let company = &runbook.user_experience.company_name;
    let or = |text: Option<&String>, ours: String| {
        text.filter(|text| !text.is_empty())
            .cloned()
            .unwrap_or(ours)
    };
    let text = if company.is_empty() {
        "This computer is being moved to another directory. Please do not sign in until this notice is gone.".to_owned()
    } else {
        format!(
            "{company} is moving this computer to another directory. Please do not sign in until this notice is gone."
        )
    };
    LegalNotice {
        caption: or(own.map(|own| &own.title), "Please wait".to_owned()),
        text: or(own.map(|own| &own.body), text),
    }
}
