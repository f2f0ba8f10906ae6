//! When a computer may be renamed; the same on every platform.
//!
//! INVARIANT: a device changes its name only while it is in a workgroup. There
//! a name is only a name: no account in a directory goes by it, so putting the
//! old one back restores everything.

use gw_runbook::check_computer_name;

use crate::facts::JoinState;
use crate::machine::MachineError;

/// Whether a rename of a computer that is called `now` can be planned.
///
/// # Errors
/// When it is not called `from`, or `to` is no name.
pub fn may_rename(now: &str, from: &str, to: &str) -> Result<(), MachineError> {
    check_computer_name(to).map_err(|error| MachineError::Unexpected {
        object: format!("the new computer name {to:?}"),
        why: error.to_string(),
    })?;
    match now.eq_ignore_ascii_case(from) {
        true => Ok(()),
        false => Err(other_name(now, from)),
    }
}

/// Whether it can be made, or made again after an interruption.
///
/// # Errors
/// As for [`may_rename`], but `to` is a good name to have already; and when the
/// device is in a directory.
pub fn may_make_rename(
    now: &str,
    from: &str,
    to: &str,
    join: &JoinState,
) -> Result<(), MachineError> {
    if !now.eq_ignore_ascii_case(to) {
        may_rename(now, from, to)?;
    }
    match join {
        JoinState::Workgroup { .. } => Ok(()),
        other => Err(MachineError::Unexpected {
            object: format!("the membership of {now}"),
            why: format!(
                "it is in {}, which knows it by its name; it has to leave first",
                other.describe()
            ),
        }),
    }
}

fn other_name(now: &str, from: &str) -> MachineError {
    MachineError::Unexpected {
        object: "the computer's name".to_owned(),
        why: format!("it is {now}, not {from}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_be_renamed() {
        let workgroup = JoinState::Workgroup {
            name: "WORKGROUP".to_owned(),
        };
        let tenant = JoinState::Entra {
            tenant_id: "t".to_owned(),
            device_id: "d".to_owned(),
        };
        assert_eq!(may_rename("PC7", "pc7", "PC-NEW"), Ok(()));
        assert!(may_rename("PC-NEW", "PC7", "PC-NEW").is_err());
        for bad in ["", "12345", "PC_7", "-PC", "SIXTEEN-LETTERS-"] {
            assert!(may_rename("PC7", "PC7", bad).is_err(), "{bad:?}");
        }
        for now in ["PC7", "pc-new"] {
            assert_eq!(may_make_rename(now, "PC7", "PC-NEW", &workgroup), Ok(()));
            assert!(may_make_rename(now, "PC7", "PC-NEW", &tenant).is_err());
        }
        assert!(may_make_rename("OTHER", "PC7", "PC-NEW", &workgroup).is_err());
    }
}
