//! The rules for a computer's name, checked before anything is asked of a directory.

use std::fmt;

/// A computer name that Windows and AD accept as both NetBIOS and DNS label.
///
/// INVARIANT: 1 to 15 ASCII letters, digits and hyphens, upper case; not digits only; no hyphen at
/// either end (windows.md 3.3, A-116).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComputerName(String);

/// Why a name cannot be a computer's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComputerNameError {
    /// Nothing there.
    #[error("the computer name is empty")]
    Empty,
    /// Longer than NetBIOS allows.
    #[error("computer name `{name}` has {length} characters; 15 are allowed")]
    TooLong {
        /// The name.
        name: String,
        /// Its length in characters.
        length: usize,
    },
    /// A character outside letters, digits and hyphen.
    #[error("computer name `{name}` holds {character:?}; only A-Z, 0-9 and hyphens are allowed")]
    Character {
        /// The name.
        name: String,
        /// The first offender.
        character: char,
    },
    /// Digits only, or a hyphen at an end.
    #[error("computer name `{name}` must not be digits only nor start or end with a hyphen")]
    Shape {
        /// The name.
        name: String,
    },
}

impl ComputerName {
    /// Checks a name and puts it in upper case. A trailing `$` is not part of a name.
    ///
    /// # Errors
    /// [`ComputerNameError`] says which rule it breaks.
    pub fn new(name: &str) -> Result<Self, ComputerNameError> {
        let owned = || name.chars().take(64).collect::<String>();
        let length = name.chars().count();
        if length == 0 {
            return Err(ComputerNameError::Empty);
        }
        if let Some(character) = name
            .chars()
            .find(|c| !c.is_ascii_alphanumeric() && *c != '-')
        {
            return Err(ComputerNameError::Character {
                name: owned(),
                character,
            });
        }
        if length > 15 {
            return Err(ComputerNameError::TooLong {
                name: owned(),
                length,
            });
        }
        let digits_only = name.chars().all(|c| c.is_ascii_digit());
        if digits_only || name.starts_with('-') || name.ends_with('-') {
            return Err(ComputerNameError::Shape { name: owned() });
        }
        Ok(Self(name.to_ascii_uppercase()))
    }

    /// The name without the trailing `$`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// sAMAccountName: the name with its `$`.
    #[must_use]
    pub fn account_name(&self) -> String {
        format!("{}$", self.0)
    }
}

impl fmt::Display for ComputerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_windows_rules() {
        assert_eq!(
            ComputerName::new("pc-01").map(|n| n.account_name()),
            Ok("PC-01$".into())
        );
        for bad in [
            "",
            "123",
            "-PC",
            "PC-",
            "PC 1",
            "PC$",
            "PC.1",
            "ABCDEFGHIJKLMNOP",
            "Ä1",
            "a\0b",
        ] {
            assert!(ComputerName::new(bad).is_err(), "{bad}");
        }
        assert!(ComputerName::new("ABCDEFGHIJKLMNO").is_ok());
    }
}
