//! What a runbook asks for and this version does not carry out.
//!
//! INVARIANT: nothing that a runbook asks for is passed over in silence. What a run would be wrong
//! without stops it before anything changes; the rest is said.

use crate::{AppReconfiguration, DomainJoin, Interaction, Runbook};
use serde::{Deserialize, Serialize};

/// One thing that is not carried out, in words for the person who edits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Path of the field, such as `startup.pre_script`.
    pub field: String,
    /// What does not happen, and what to do.
    pub message: String,
    /// Whether the runbook is refused because of it.
    pub stops: bool,
}

impl Runbook {
    /// Everything that this version leaves out, in the order of the tabs.
    #[must_use]
    pub fn left_out(&self) -> Vec<LeftOut> {
        let mut found = Vec::new();
        let mut say = |asked: bool, stops: bool, field: &str, message: &str| {
            if asked {
                found.push(LeftOut {
                    field: field.to_owned(),
                    message: message.to_owned(),
                    stops,
                });
            }
        };
        let startup = &self.startup;
        say(
            startup.interaction != Interaction::Silent,
            false,
            "startup.interaction",
            "no dialogs are shown on the device: every run is silent; tell its users beforehand",
        );
        say(
            startup.set_in_progress_image,
            false,
            "startup.set_in_progress_image",
            "the lock screen keeps its picture during a run",
        );
        say(
            startup.pre_script.is_some(),
            true,
            "startup.pre_script",
            "scripts are not run; remove it, and run it with your management tool beforehand",
        );
        match &self.device_state.join {
            DomainJoin::ActiveDirectory(join) => {
                say(
                    join.offline,
                    true,
                    "device_state.join.offline",
                    "offline domain join is not carried out; join online, or wait for it",
                );
                say(
                    join.cache_user_credentials,
                    true,
                    "device_state.join.cache_user_credentials",
                    "credentials are not cached ahead of an offline join; switch it off",
                );
            }
            DomainJoin::Entra(_) => say(
                true,
                true,
                "device_state.join",
                "joining Entra is not carried out; choose an Active Directory target",
            ),
            DomainJoin::None => {}
        }
        say(
            !self.permission_updates.remote.is_empty(),
            true,
            "permission_updates.remote",
            "shares of other hosts are not rewritten; remove them from the list",
        );
        say(
            self.app_reconfiguration != AppReconfiguration::default(),
            true,
            "app_reconfiguration",
            "applications are not reset; switch the whole tab off",
        );
        let completion = &self.completion;
        say(
            !completion.packages.is_empty(),
            true,
            "completion.packages",
            "command packages are not run; remove them, and run them with your management tool",
        );
        say(
            completion.uninstall_agent,
            true,
            "completion.uninstall_agent",
            "the agent does not remove itself; switch it off, and remove it with your management tool",
        );
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AdJoin, CommandPackage, EntraJoin, RemoteShare, Script};
    use gw_model::DirectoryId;
    use uuid::Uuid;

    fn silent() -> Runbook {
        let directory = |n| DirectoryId(Uuid::from_u128(n));
        let mut runbook = Runbook::new("Head office", [directory(1)].into(), directory(2));
        runbook.startup.interaction = Interaction::Silent;
        runbook.startup.set_in_progress_image = false;
        runbook
    }

    /// What a change of a document without any gap leads to.
    fn told(change: impl FnOnce(&mut Runbook)) -> Vec<(String, bool)> {
        let mut runbook = silent();
        assert_eq!(runbook.left_out(), []);
        change(&mut runbook);
        let gap = |gap: LeftOut| (gap.field, gap.stops);
        runbook.left_out().into_iter().map(gap).collect()
    }

    #[test]
    fn a_default_runbook_says_what_nobody_will_see_and_is_not_stopped() {
        let mut runbook = silent();
        runbook.startup = crate::Startup::default();
        let gaps = runbook.left_out();
        assert_eq!(gaps.len(), 2, "{gaps:?}");
        assert!(gaps.iter().all(|gap| !gap.stops));
    }

    #[test]
    fn what_a_run_would_be_wrong_without_stops_it() {
        let stops = |field: &str| vec![(field.to_owned(), true)];
        let script = Script {
            name: "prepare.zip".into(),
            sha256: "0".repeat(64),
            time_limit_seconds: 60,
            must_succeed: true,
        };
        assert_eq!(
            told(|r| r.startup.pre_script = Some(script)),
            stops("startup.pre_script")
        );
        let join = AdJoin {
            offline: true,
            ..AdJoin::default()
        };
        assert_eq!(
            told(|r| r.device_state.join = DomainJoin::ActiveDirectory(join)),
            stops("device_state.join.offline")
        );
        let entra = EntraJoin::default();
        assert_eq!(
            told(|r| r.device_state.join = DomainJoin::Entra(entra)),
            stops("device_state.join")
        );
        let share = RemoteShare {
            path: r"\\nas\data".into(),
        };
        assert_eq!(
            told(|r| r.permission_updates.remote.push(share)),
            stops("permission_updates.remote")
        );
        assert_eq!(
            told(|r| r.app_reconfiguration.reset_edge = true),
            stops("app_reconfiguration")
        );
        let package = CommandPackage {
            name: "notify.zip".into(),
            sha256: "0".repeat(64),
            command_line: "notify.cmd".into(),
            time_limit_seconds: 60,
        };
        assert_eq!(
            told(|r| r.completion.packages.push(package)),
            stops("completion.packages")
        );
        assert_eq!(
            told(|r| r.completion.uninstall_agent = true),
            stops("completion.uninstall_agent")
        );
    }
}
