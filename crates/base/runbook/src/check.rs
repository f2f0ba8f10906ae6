//! What is wrong with a document, by field path, all of it at once.

use crate::{
    Area, DomainJoin, LeaveFrom, PermissionMode, Runbook, check_computer_name, computer_name,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that is wrong, in words for the person who edits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Path of the field, such as `device_state.rename`.
    pub field: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Everything that is wrong. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "; " };
            write!(f, "{comma}{}: {}", problem.field, problem.message)?;
        }
        Ok(())
    }
}
impl std::error::Error for Problems {}

impl Runbook {
    /// Checks everything that can be checked without a directory.
    ///
    /// # Errors
    /// All problems, in the order of the tabs.
    pub fn check(&self) -> Result<(), Problems> {
        let mut found = Vec::new();
        let mut say = |field: &str, message: String| {
            found.push(Problem {
                field: field.into(),
                message,
            });
        };
        let general = &self.general;
        if general.name.trim().is_empty() {
            say("general.name", "give the runbook a name".into());
        }
        if general.sources.is_empty() {
            say(
                "general.sources",
                "choose at least one source directory".into(),
            );
        }
        if let Some(script) = &self.startup.pre_script {
            check_hash(&script.sha256, "startup.pre_script.sha256", &mut say);
            check_limit(
                script.time_limit_seconds,
                "startup.pre_script.time_limit_seconds",
                &mut say,
            );
        }
        if let Some(fallback) = &self.startup.fallback_administrator {
            let length = fallback.name.chars().count();
            if length == 0
                || length > 20
                || fallback.name.contains([
                    '\\', '/', '"', '[', ']', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>', '@',
                ])
            {
                say(
                    "startup.fallback_administrator.name",
                    "use 1 to 20 characters without \\ / \" [ ] : ; | = , + * ? < > @".into(),
                );
            }
        }
        self.check_device_state(&mut say);
        self.check_permissions(&mut say);
        for (n, package) in self.completion.packages.iter().enumerate() {
            check_hash(
                &package.sha256,
                &format!("completion.packages[{n}].sha256"),
                &mut say,
            );
            check_limit(
                package.time_limit_seconds,
                &format!("completion.packages[{n}].time_limit_seconds"),
                &mut say,
            );
            if package.command_line.trim().is_empty() {
                say(
                    &format!("completion.packages[{n}].command_line"),
                    "say what to run".into(),
                );
            }
        }
        if found.is_empty() {
            Ok(())
        } else {
            Err(Problems(found))
        }
    }

    fn check_device_state(&self, say: &mut impl FnMut(&str, String)) {
        let state = &self.device_state;
        if let DomainJoin::ActiveDirectory(join) = &state.join {
            if join.join_account.trim().is_empty() && !join.cache_user_credentials {
                say(
                    "device_state.join.join_account",
                    "name the account that creates or resets the computer account in the target"
                        .into(),
                );
            }
            if join.offline && join.cache_user_credentials {
                say("device_state.join.cache_user_credentials", "caching belongs into a prerequisite runbook, not into the one that joins offline".into());
            }
            if state.leave == LeaveFrom::None && !join.cache_user_credentials {
                say("device_state.leave", "a device that joins a domain must leave the one it is in; choose Active Directory or All".into());
            }
        }
        if matches!(state.join, DomainJoin::Entra(_)) && state.leave == LeaveFrom::None {
            say(
                "device_state.leave",
                "a device that joins Entra must leave the directory it is in".into(),
            );
        }
        if let Some(pattern) = &state.rename {
            let mut n = 0;
            // A sample serial number and digits: only the pattern is judged here.
            let named = computer_name(pattern, "SAMPLE1", || {
                n += 1;
                n
            });
            if let Err(error) = named.and_then(|name| check_computer_name(&name)) {
                say("device_state.rename", error.to_string());
            }
            if matches!(state.join, DomainJoin::None) {
                say("device_state.rename", "a computer is renamed while it joins; choose what it joins, or switch renaming off".into());
            }
        }
        if state.way_back.time_budget_minutes == 0 {
            say(
                "device_state.way_back.time_budget_minutes",
                "give the device at least a minute".into(),
            );
        }
    }

    fn check_permissions(&self, say: &mut impl FnMut(&str, String)) {
        let updates = &self.permission_updates;
        for (n, path) in updates.ignored.iter().enumerate() {
            let field = format!("permission_updates.ignored[{n}]");
            if path.trim().is_empty() {
                say(&field, "remove the empty line".into());
            } else if !path.contains('\\') && !path.starts_with('%') {
                say(
                    &field,
                    format!(
                        "`{path}` is not a path; begin with a drive (`C:\\`), `*:\\` or a variable such as `%ProgramData%`"
                    ),
                );
            }
        }
        for (n, share) in updates.remote.iter().enumerate() {
            if !share.path.starts_with("\\\\") {
                say(
                    &format!("permission_updates.remote[{n}].path"),
                    format!("`{}` is not a share; write \\\\host\\share", share.path),
                );
            }
        }
        let leaves = self.device_state.leave != LeaveFrom::None;
        if leaves
            && updates.mode == PermissionMode::Leave
            && updates.areas.contains(&Area::Profiles)
            && !matches!(self.device_state.join, DomainJoin::None)
        {
            say("permission_updates.mode", "users would sign in to an empty profile; choose Add and remove, or switch the Profiles area off".into());
        }
    }
}

fn check_hash(hash: &str, field: &str, say: &mut impl FnMut(&str, String)) {
    if hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
        say(
            field,
            "upload the package again; its SHA-256 is missing".into(),
        );
    }
}

fn check_limit(seconds: u32, field: &str, say: &mut impl FnMut(&str, String)) {
    if seconds == 0 || seconds > 24 * 3600 {
        say(field, "give it between one second and one day".into());
    }
}

#[cfg(test)]
mod tests {
    use crate::{AdJoin, DomainJoin, LeaveFrom, Runbook};
    use gw_model::DirectoryId;
    use uuid::Uuid;

    fn ad_to_ad() -> Runbook {
        let directory = |n| DirectoryId(Uuid::from_u128(n));
        let mut book = Runbook::new("Head office", [directory(1)].into(), directory(2));
        book.device_state.leave = LeaveFrom::ActiveDirectory;
        book.device_state.join = DomainJoin::ActiveDirectory(AdJoin {
            join_account: "svc-join@target.test".into(),
            ..AdJoin::default()
        });
        book
    }

    #[test]
    fn a_sound_document_passes() {
        assert_eq!(ad_to_ad().check(), Ok(()));
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let mut book = ad_to_ad();
        book.general.name = " ".into();
        book.device_state.leave = LeaveFrom::None;
        book.device_state.rename = Some("%SERIAL".into());
        book.permission_updates.ignored.push("Windows".into());
        let problems = book.check().unwrap_err();
        let fields: Vec<&str> = problems.0.iter().map(|p| p.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "general.name",
                "device_state.leave",
                "device_state.rename",
                "permission_updates.ignored[10]"
            ]
        );
    }
}
