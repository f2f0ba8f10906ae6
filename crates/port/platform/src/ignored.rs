//! Areas a run leaves alone, written by an administrator as patterns.
//!
//! A pattern names a file or folder; everything below a match is ignored too.
//! `%NAME%` is replaced by the device's own folder, `*` stands for any run of
//! characters and `?` for one, both inside a single name; `*:` is any drive.
//! A pattern that begins with `HKLM\` names a key or a value of the machine's
//! registry; `CurrentControlSet` in it is every control set.

use std::collections::BTreeMap;

use crate::winpath::{WinPath, fold};

/// A compiled list of ignored areas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignored {
    patterns: Vec<Pattern>,
    keys: Vec<Vec<String>>,
    unusable: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    /// `None` is any drive.
    drive: Option<char>,
    names: Vec<String>,
}

impl Ignored {
    /// Compiles `patterns`; `folders` maps a variable name without percent
    /// signs (any letter case) to the device's folder, for example
    /// `SystemRoot` to `C:\Windows`.
    ///
    /// A pattern that names an unknown variable or is not absolute is kept
    /// aside in [`Ignored::unusable`]; a run must show it, not guess.
    pub fn compile<'a>(
        patterns: impl IntoIterator<Item = &'a str>,
        folders: &BTreeMap<String, WinPath>,
    ) -> Ignored {
        let mut out = Ignored::default();
        for text in patterns {
            if let Some(key) = compile_key(text) {
                out.keys.push(key);
                continue;
            }
            match compile_one(text, folders) {
                Some(pattern) => out.patterns.push(pattern),
                None => out.unusable.push(text.to_owned()),
            }
        }
        out
    }

    /// Patterns that could not be understood on this device.
    pub fn unusable(&self) -> &[String] {
        &self.unusable
    }

    /// Whether `path` is a match or lies below one.
    pub fn matches(&self, path: &WinPath) -> bool {
        let (drive, names) = (path.drive(), names_of(path));
        self.patterns
            .iter()
            .any(|pattern| pattern.covers(drive, &names))
    }

    /// The same for something that has its `home` in a folder that is ignored
    /// as a whole for other reasons (tasks are kept in `%SystemRoot%`): only a
    /// pattern that does not cover the folder above `home` counts.
    pub fn matches_within(&self, path: &WinPath, home: &WinPath) -> bool {
        let (drive, names) = (path.drive(), names_of(path));
        let above = home.parent().map(|above| names_of(&above));
        self.patterns.iter().any(|pattern| {
            pattern.covers(drive, &names)
                && !above
                    .as_ref()
                    .is_some_and(|above| pattern.covers(drive, above))
        })
    }

    /// Whether a key or value of the machine's registry, written as
    /// `SYSTEM\ControlSet001\…`, is a match or lies below one.
    pub fn matches_key(&self, key: &str) -> bool {
        let names: Vec<String> = key.split('\\').map(fold).collect();
        self.keys.iter().any(|globs| {
            globs.len() <= names.len()
                && globs.iter().zip(&names).all(|(glob, name)| {
                    (glob == "CURRENTCONTROLSET" && name.starts_with("CONTROLSET"))
                        || glob_matches(glob, name)
                })
        })
    }
}

impl Pattern {
    fn covers(&self, drive: char, names: &[String]) -> bool {
        self.drive.is_none_or(|d| d == drive)
            && self.names.len() <= names.len()
            && self
                .names
                .iter()
                .zip(names)
                .all(|(glob, name)| glob_matches(glob, name))
    }
}

fn names_of(path: &WinPath) -> Vec<String> {
    path.components().map(fold).collect()
}

/// `HKLM\…` as folded names below the machine's registry; a bare hive is no
/// pattern: nobody means to ignore all of it by accident.
fn compile_key(text: &str) -> Option<Vec<String>> {
    let text = fold(text.trim());
    let rest = ["HKLM\\", "HKEY_LOCAL_MACHINE\\"]
        .iter()
        .find_map(|root| text.strip_prefix(root))?;
    let names: Vec<String> = rest
        .split('\\')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    (names.len() > 1).then_some(names)
}

fn compile_one(text: &str, folders: &BTreeMap<String, WinPath>) -> Option<Pattern> {
    let expanded = expand(text.trim(), folders)?;
    let mut parts = expanded.split(['\\', '/']).filter(|part| !part.is_empty());
    let drive = match parts.next()? {
        "*:" => None,
        part if part.len() == 2 && part.ends_with(':') => {
            Some(part.chars().next()?.to_ascii_uppercase())
        }
        _ => return None,
    };
    let names: Vec<String> = parts.map(fold).collect();
    // A bare drive would ignore a whole volume: nobody means that by accident.
    if names.is_empty() || names.iter().any(|name| name == "..") {
        return None;
    }
    Some(Pattern { drive, names })
}

fn expand(text: &str, folders: &BTreeMap<String, WinPath>) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('%') {
        out.push_str(&rest[..start]);
        let after = &rest[start + 1..];
        let end = after.find('%')?;
        let name = &after[..end];
        let folder = folders
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))?
            .1;
        out.push_str(folder.as_str());
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    Some(out)
}

fn glob_matches(glob: &str, name: &str) -> bool {
    let glob: Vec<char> = glob.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut g, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if g < glob.len() && glob[g] == '*' {
            star = Some((g, n));
            g += 1;
        } else if g < glob.len() && (glob[g] == '?' || glob[g] == name[n]) {
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
    glob[g..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_what_administrators_write() {
        let folders = BTreeMap::from([
            ("SystemRoot".to_owned(), r"C:\Windows".parse().unwrap()),
            ("ProgramData".to_owned(), r"C:\ProgramData".parse().unwrap()),
        ]);
        let ignored = Ignored::compile(
            [
                "%systemroot%",
                r"*:\System Volume Information",
                r"C:\DumpStack.log*",
                r"%ProgramData%\Microsoft\Windows\AppRepository\*",
                "%NoSuch%\\x",
                "relative",
                "D:\\",
                r"HKLM\SYSTEM\CurrentControlSet\Services\gw*",
                r"HKLM\SYSTEM",
            ],
            &folders,
        );
        for (path, want) in [
            (r"C:\Windows", true),
            (r"c:\WINDOWS\System32\x.dll", true),
            (r"C:\Windows.old", false),
            (r"E:\system volume information\a", true),
            (r"C:\dumpstack.log.tmp", true),
            (r"C:\ProgramData\Microsoft\Windows\AppRepository", false),
            (r"C:\ProgramData\Microsoft\Windows\AppRepository\a\b", true),
            (r"D:\x", false),
            (r"C:\", false),
        ] {
            assert_eq!(ignored.matches(&path.parse().unwrap()), want, "{path}");
        }
        for (key, want) in [
            (r"SYSTEM\ControlSet002\Services\GwAgent\Security", true),
            (r"SYSTEM\ControlSet002\Services", false),
            (r"SYSTEM\Select\Services\gwagent", false),
            (r"SOFTWARE\ControlSet002\Services\gw", false),
        ] {
            assert_eq!(ignored.matches_key(key), want, "{key}");
        }
        assert_eq!(
            ignored.unusable(),
            ["%NoSuch%\\x", "relative", "D:\\", r"HKLM\SYSTEM"]
        );
    }

    #[test]
    fn a_pattern_over_the_home_of_tasks_does_not_hide_them() {
        let folders = BTreeMap::from([("SystemRoot".to_owned(), r"C:\Windows".parse().unwrap())]);
        let home: WinPath = r"C:\Windows\System32\Tasks".parse().unwrap();
        let task = home.join(r"Contoso\Backup").unwrap();
        for (pattern, want) in [
            ("%SystemRoot%", false),
            (r"%SystemRoot%\System32", false),
            (r"%SystemRoot%\System32\Tasks", true),
            (r"%SystemRoot%\System32\Tasks\Con*", true),
            (r"%SystemRoot%\System32\Tasks\Other", false),
        ] {
            let ignored = Ignored::compile([pattern], &folders);
            assert_eq!(ignored.matches_within(&task, &home), want, "{pattern}");
        }
    }
}
