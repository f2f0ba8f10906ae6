//! Which files a change is about: all but those that have a name in an excluded area.
//!
//! A pattern names a file or folder from the root down, and everything below a match is
//! excluded too. `*` stands for any run of letters and `?` for one, both inside one name;
//! `**` stands for any number of names. `\` and `/` both separate, a leading drive (`C:`,
//! `*:`) is passed over. Letters are compared in the upper case of the volume's own table.

use crate::upcase::UpCase;

/// A pattern that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// It names no file: everything would be excluded.
    #[error("the pattern {0:?} names no file or folder; it would exclude the whole volume")]
    Empty(String),
    /// It goes up.
    #[error("the pattern {0:?} contains `..`; write it from the root of the volume down")]
    Parent(String),
    /// There are too many of them.
    #[error("the patterns have {0} names together, at most {MOST} are possible")]
    TooMany(usize),
}

/// Positions in all patterns together; the states of a folder are as many bits.
const MOST: usize = 4096;

/// Compiled excluded areas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Names of all patterns, one pattern after the other.
    parts: Vec<Part>,
    starts: Vec<usize>,
    table: UpCase,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    /// Folded; `None` for `**`.
    glob: Option<Vec<u16>>,
    last: bool,
}

/// Where in the patterns a folder is: a set of positions, each naming the next part to match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct States(Vec<u64>);

/// What a folder means for what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Below {
    /// All of it is excluded.
    Excluded,
    /// None of it is.
    Clear,
    /// It depends on the names.
    Open(States),
}

impl Scope {
    /// Compiles patterns for a volume.
    ///
    /// # Errors
    /// When a pattern names no file, goes up, or there are too many.
    pub fn new<'a>(
        globs: impl IntoIterator<Item = &'a str>,
        table: UpCase,
    ) -> Result<Self, GlobError> {
        let mut scope = Self {
            parts: Vec::new(),
            starts: Vec::new(),
            table,
        };
        for glob in globs {
            scope.add(glob)?;
        }
        if scope.parts.len() > MOST {
            return Err(GlobError::TooMany(scope.parts.len()));
        }
        Ok(scope)
    }

    fn add(&mut self, glob: &str) -> Result<(), GlobError> {
        let mut names: Vec<&str> = glob
            .trim()
            .split(['\\', '/'])
            .filter(|name| !name.is_empty() && *name != ".")
            .collect();
        let is_drive = |name: &str| name.len() == 2 && name.ends_with(':');
        if names.first().is_some_and(|first| is_drive(first)) {
            names.remove(0);
        }
        if names.contains(&"..") {
            return Err(GlobError::Parent(glob.to_owned()));
        }
        if names.iter().all(|name| *name == "**") {
            return Err(GlobError::Empty(glob.to_owned()));
        }
        self.starts.push(self.parts.len());
        let count = names.len();
        for (index, name) in names.into_iter().enumerate() {
            self.parts.push(Part {
                glob: (name != "**").then(|| self.table.fold_text(name)),
                last: index + 1 == count,
            });
        }
        Ok(())
    }

    /// Whether nothing is excluded.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.parts.is_empty()
    }

    /// What the root means.
    pub(crate) fn root(&self) -> Below {
        let mut states = States(vec![0; self.parts.len().div_ceil(64)]);
        for &start in &self.starts {
            self.enter(&mut states, start);
        }
        states.below()
    }

    /// Adds a position, and what follows a `**` there.
    fn enter(&self, states: &mut States, mut at: usize) {
        loop {
            states.0[at / 64] |= 1 << (at % 64);
            let part = &self.parts[at];
            if part.glob.is_some() || part.last {
                return;
            }
            at += 1;
        }
    }

    /// What something of this name in a folder means. `name` is UTF-16 in little-endian bytes.
    pub(crate) fn step(&self, folder: &States, name: &[u8]) -> Below {
        let folded: Vec<u16> = name
            .chunks_exact(2)
            .map(|pair| self.table.unit(u16::from_le_bytes([pair[0], pair[1]])))
            .collect();
        let mut states = States(vec![0; folder.0.len()]);
        for (word, &bits) in folder.0.iter().enumerate() {
            let mut bits = bits;
            while bits != 0 {
                let at = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let part = &self.parts[at];
                match &part.glob {
                    None if part.last => return Below::Excluded,
                    None => self.enter(&mut states, at),
                    Some(glob) if !glob_matches(glob, &folded) => {}
                    Some(_) if part.last => return Below::Excluded,
                    Some(_) => self.enter(&mut states, at + 1),
                }
            }
        }
        states.below()
    }
}

impl States {
    fn below(self) -> Below {
        if self.0.iter().all(|&word| word == 0) {
            Below::Clear
        } else {
            Below::Open(self)
        }
    }
}

impl Below {
    /// What a folder with two names means: what either of them does.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Excluded, _) | (_, Self::Excluded) => Self::Excluded,
            (Self::Clear, one) | (one, Self::Clear) => one,
            (Self::Open(mut left), Self::Open(right)) => {
                for (to, from) in left.0.iter_mut().zip(right.0) {
                    *to |= from;
                }
                Self::Open(left)
            }
        }
    }
}

fn glob_matches(glob: &[u16], name: &[u16]) -> bool {
    const STAR: u16 = b'*' as u16;
    const ANY: u16 = b'?' as u16;
    let (mut g, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if glob.get(g) == Some(&STAR) {
            star = Some((g, n));
            g += 1;
        } else if glob.get(g).is_some_and(|&c| c == ANY || c == name[n]) {
            g += 1;
            n += 1;
        } else if let Some((star_g, star_n)) = star {
            g = star_g + 1;
            n = star_n + 1;
            star = Some((star_g, star_n + 1));
        } else {
            return false;
        }
    }
    glob[g..].iter().all(|&c| c == STAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Folds ASCII and Cyrillic, as a table would.
    fn table() -> UpCase {
        let mut bytes = Vec::new();
        for unit in 0..=u16::MAX {
            let folded = match unit {
                0x61..=0x7A | 0x430..=0x44F => unit - 0x20,
                other => other,
            };
            bytes.extend_from_slice(&folded.to_le_bytes());
        }
        UpCase::parse(&bytes).unwrap()
    }

    fn excluded(scope: &Scope, path: &str) -> bool {
        let mut below = scope.root();
        for name in path.split('\\').filter(|name| !name.is_empty()) {
            let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            below = match below {
                Below::Open(states) => scope.step(&states, &units),
                done => return done == Below::Excluded,
            };
        }
        below == Below::Excluded
    }

    #[test]
    fn patterns_cover_what_administrators_write() {
        let globs = [
            r"C:\Windows",
            "/Users/*/AppData/Local/Temp",
            r"*:\System Volume Information",
            "DumpStack.log*",
            "Данные",
            "**/node_modules",
            "Program Files/**",
            "Archive/20??",
        ];
        let scope = Scope::new(globs, table()).unwrap();
        for (path, want) in [
            (r"Windows", true),
            (r"WINDOWS\System32\x.dll", true),
            (r"Windows.old", false),
            (r"Users\иван\AppData\Local\Temp\a\b", true),
            (r"Users\иван\AppData\Local", false),
            (r"Users\AppData\Local\Temp", false),
            (r"system volume information\a", true),
            (r"dumpstack.log.tmp", true),
            (r"дАнные\x", true),
            (r"a\b\Node_Modules\c", true),
            (r"node_modules", true),
            (r"Program Files", false),
            (r"program files\x", true),
            (r"Archive\2024\x", true),
            (r"Archive\202", false),
            ("", false),
        ] {
            assert_eq!(excluded(&scope, path), want, "{path}");
        }
        assert!(!scope.is_everything());
        assert!(Scope::new([], table()).unwrap().is_everything());
    }

    #[test]
    fn patterns_that_name_nothing_are_refused() {
        for empty in ["", " ", "C:\\", "/", "**", "C:/**/**"] {
            assert!(
                matches!(Scope::new([empty], table()), Err(GlobError::Empty(_))),
                "{empty:?}"
            );
        }
        assert!(matches!(
            Scope::new(["a/../b"], table()),
            Err(GlobError::Parent(_))
        ));
        let many = "a/".repeat(5000);
        assert!(matches!(
            Scope::new([many.as_str()], table()),
            Err(GlobError::TooMany(5000))
        ));
    }
}
