//! A secret text: wiped when dropped, and impossible to print, log, compare or serialise.

use std::fmt;
use zeroize::Zeroizing;

/// A password or another secret text.
///
/// INVARIANT: no trait of this type shows its content; the only way in is [`Secret::expose`], so
/// that every use can be found by searching for that word.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over. The caller's own copies are the caller's to wipe.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself. Never hand it to a formatter.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True if there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_itself() {
        let secret = Secret::new("hunter2-hunter2");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(
            format!("{:#?}", Some(&secret)).matches("hunter2").count(),
            0
        );
        assert_eq!(secret.expose(), "hunter2-hunter2");
    }
}
