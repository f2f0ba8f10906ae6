//! The words of the agent log for what an agent reported without words of its own.
//!
//! What must stay true: every line names what it is about, so that it can be
//! read alone; what the agent said itself is kept as it is.

use gw_model::{StepName, StepState, UserResult};
use gw_wire::report::ProgressEntry;

/// A line of the log that says of itself what it is about.
pub(super) fn line_of(entry: &ProgressEntry) -> String {
    let Some(step) = entry.step else {
        return entry.text.clone();
    };
    let what = match entry.state {
        _ if !entry.text.is_empty() => entry.text.as_str(),
        Some(StepState::Pending | StepState::Running) => "begun",
        Some(StepState::Done) => "done",
        Some(StepState::Failed) => "failed",
        Some(StepState::Undone) => "taken back",
        Some(StepState::Skipped) => "not part of this run",
        None => "at work",
    };
    format!("{}: {what}", step_title(step))
}

const fn step_title(step: StepName) -> &'static str {
    match step {
        StepName::Preflight => "Preflight",
        StepName::Stage => "Bring what is needed",
        StepName::GuardsUp => "Keep users out",
        StepName::Leave => "Leave the source",
        StepName::Join => "Join the target",
        StepName::Profiles => "Bind profiles",
        StepName::Files => "Rewrite files",
        StepName::UserHives => "Rewrite user hives",
        StepName::MachineHives => "Rewrite machine hives",
        StepName::LocalGroups => "Local groups",
        StepName::Verify => "Verify",
        StepName::GuardsDown => "Let users in again",
        StepName::WayBack => "Undo",
        StepName::Return => "Join the source again",
        StepName::CleanUp => "Clean up",
    }
}

/// What became of a user of whom the agent said nothing more.
pub(super) const fn outcome(result: UserResult) -> &'static str {
    match result {
        UserResult::Migrated => "the profile now belongs to the target user",
        UserResult::Unmapped => {
            "the profile was left alone, because the Translation Table has no target for this user"
        }
        UserResult::Failed => "the profile was not migrated",
        UserResult::Restored => "the profile is as it was before",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(step: Option<StepName>, state: Option<StepState>, text: &str) -> ProgressEntry {
        ProgressEntry {
            record: 1,
            at: chrono::DateTime::UNIX_EPOCH,
            step,
            state,
            text: text.into(),
        }
    }

    #[test]
    fn a_line_names_its_step() {
        let line = |state, text| line_of(&entry(Some(StepName::Files), state, text));
        assert_eq!(line(Some(StepState::Running), ""), "Rewrite files: begun");
        assert_eq!(
            line(Some(StepState::Done), "9 rewritten"),
            "Rewrite files: 9 rewritten"
        );
        assert_eq!(line_of(&entry(None, None, "hello")), "hello");
    }
}
