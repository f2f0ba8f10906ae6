//! Paths of the device: always Windows paths, on whatever system this code runs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An absolute path with a drive letter, for example `C:\Users\anna`.
///
/// INVARIANT: `X:\…` with an upper-case drive letter, single backslashes, no
/// `.` or `..`, no trailing backslash except in a drive root. Letter case of
/// names is kept; compare with [`WinPath::same`], which ignores it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WinPath(String);

/// Why a text is not a device path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an absolute Windows path such as C:\\Users\\anna")]
pub struct BadPath {
    /// The text that was refused.
    pub text: String,
}

impl WinPath {
    /// The path as text with backslashes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Drive letter, upper case.
    pub fn drive(&self) -> char {
        self.0.chars().next().unwrap_or('C')
    }

    /// Names below the drive root, in order; empty for a root.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0[3..].split('\\').filter(|part| !part.is_empty())
    }

    /// Last name, or `None` for a drive root.
    pub fn file_name(&self) -> Option<&str> {
        self.components().last()
    }

    /// The folder that holds this one, or `None` for a drive root.
    pub fn parent(&self) -> Option<WinPath> {
        if self.0.len() <= 3 {
            return None;
        }
        let cut = self.0.rfind('\\')?;
        Some(WinPath(self.0[..cut.max(2)].to_owned()).rooted())
    }

    /// This path followed by `relative` (backslash or slash separated).
    ///
    /// # Errors
    /// When `relative` holds an empty, `.`, `..` or otherwise illegal name.
    pub fn join(&self, relative: &str) -> Result<WinPath, BadPath> {
        format!("{}\\{relative}", self.0.trim_end_matches('\\')).parse()
    }

    /// Equal, ignoring letter case.
    pub fn same(&self, other: &WinPath) -> bool {
        self.folded() == other.folded()
    }

    /// Equal to `folder` or somewhere below it, ignoring letter case.
    pub fn is_under(&self, folder: &WinPath) -> bool {
        let (me, top) = (self.folded(), folder.folded());
        let top = top.trim_end_matches('\\');
        me.strip_prefix(top)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('\\'))
    }

    /// Upper-case form for use as a key. Good for grouping and matching; a
    /// volume's own `$UpCase` decides what the volume itself calls equal.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }

    fn rooted(mut self) -> WinPath {
        if self.0.len() == 2 {
            self.0.push('\\');
        }
        self
    }
}

/// Simple case folding of a name: each character that has a single upper-case
/// form is replaced by it, as Windows does.
pub(crate) fn fold(text: &str) -> String {
    text.chars()
        .map(|c| {
            let mut upper = c.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(one), None) => one,
                _ => c,
            }
        })
        .collect()
}

impl FromStr for WinPath {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, BadPath> {
        parse(text).ok_or_else(|| BadPath {
            text: text.to_owned(),
        })
    }
}

impl TryFrom<String> for WinPath {
    type Error = BadPath;

    fn try_from(text: String) -> Result<Self, BadPath> {
        text.parse()
    }
}

impl From<WinPath> for String {
    fn from(path: WinPath) -> String {
        path.0
    }
}

impl fmt::Display for WinPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for WinPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn parse(text: &str) -> Option<WinPath> {
    let mut chars = text.chars();
    let drive = chars.next().filter(char::is_ascii_alphabetic)?;
    if chars.next()? != ':' {
        return None;
    }
    let rest = chars.as_str();
    if !rest.is_empty() && !rest.starts_with(['\\', '/']) {
        return None;
    }
    let mut out = format!("{}:", drive.to_ascii_uppercase());
    for part in rest.split(['\\', '/']).filter(|part| !part.is_empty()) {
        if part == "." || part == ".." || part.contains(['\0', ':']) {
            return None;
        }
        out.push('\\');
        out.push_str(part);
    }
    Some(WinPath(out).rooted())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> WinPath {
        text.parse().unwrap()
    }

    #[test]
    fn spelling_is_normalised() {
        for (text, want) in [
            (r"c:\Users\anna\", Some(r"C:\Users\anna")),
            ("C:/Users//anna", Some(r"C:\Users\anna")),
            ("c:", Some("C:\\")),
            ("C:\\", Some("C:\\")),
            (r"C:\a\..\b", None),
            (r"\\server\share", None),
            ("Users", None),
            (r"C:file", None),
            (r"C:\a:stream", None),
        ] {
            let got = text.parse::<WinPath>().ok();
            assert_eq!(got.as_ref().map(WinPath::as_str), want, "{text}");
        }
    }

    #[test]
    fn under_stops_at_name_boundaries_and_ignores_case() {
        assert!(path(r"c:\users\ÄNNE\x").is_under(&path(r"C:\Users\änne")));
        assert!(path(r"C:\Users").is_under(&path("C:\\")));
        assert!(!path(r"C:\Users2").is_under(&path(r"C:\Users")));
        assert_eq!(path(r"C:\a").parent(), Some(path("C:\\")));
        assert_eq!(path("C:\\").parent(), None);
        assert_eq!(path("C:\\").join("a/b").unwrap(), path(r"C:\a\b"));
    }
}
