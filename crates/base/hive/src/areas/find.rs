//! Finds keys and values by pattern.

use crate::error::HiveError;
use crate::hive::Hive;
use crate::key::Key;
use gw_secdesc::Sid;

/// Most levels below a key that `**` goes down.
const DEEPEST: usize = 64;

/// Paths of the keys that match, in stored order.
pub(super) fn keys(hive: &Hive, pattern: &str) -> Result<Vec<String>, HiveError> {
    let mut here = vec![(hive.root()?, String::new())];
    for part in pattern.split('\\') {
        let mut next = Vec::new();
        for (key, path) in here {
            match part {
                "**" => all_below(key, path, &mut next)?,
                _ if !part.contains(['*', '<']) => {
                    if let Some(child) = key.subkey(part)? {
                        next.push((child, join(&path, &child.name())));
                    }
                }
                _ => {
                    for child in key.subkeys()? {
                        let name = child.name();
                        if matches(part, &name) {
                            next.push((child, join(&path, &name)));
                        }
                    }
                }
            }
        }
        here = next;
    }
    Ok(here.into_iter().map(|(_, path)| path).collect())
}

fn all_below<'h>(
    key: Key<'h>,
    path: String,
    into: &mut Vec<(Key<'h>, String)>,
) -> Result<(), HiveError> {
    let mut stack = vec![(key, path, 0)];
    while let Some((key, path, depth)) = stack.pop() {
        if depth < DEEPEST {
            for child in key.subkeys()?.into_iter().rev() {
                let path = join(&path, &child.name());
                stack.push((child, path, depth + 1));
            }
        }
        into.push((key, path));
    }
    Ok(())
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}\\{name}")
    }
}

/// Whether one name matches one part of a pattern.
pub(super) fn matches(part: &str, name: &str) -> bool {
    if part == "<sid>" {
        return is_account(name);
    }
    glob(&fold(part), &fold(name))
}

fn is_account(name: &str) -> bool {
    name.to_ascii_uppercase().parse::<Sid>().is_ok()
}

fn fold(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_uppercase).collect()
}

fn glob(glob: &[char], name: &[char]) -> bool {
    let (mut g, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        if g < glob.len() && glob[g] == '*' {
            star = Some((g, n));
            g += 1;
        } else if g < glob.len() && glob[g] == name[n] {
            g += 1;
            n += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            g = at + 1;
            n = from + 1;
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
    fn patterns_match_names_whole_and_without_case() {
        for (part, name, want) in [
            ("ControlSet*", "controlset001", true),
            ("Default*Permission", "DefaultLaunchPermission", true),
            ("Default*Permission", "DefaultLaunchPermissions", false),
            ("*", "", true),
            ("<sid>", "S-1-5-21-1-2-3-1001", true),
            ("<sid>", "S-1-5-21-1-2-3-1001_Classes", false),
            ("<sid>", "Products", false),
        ] {
            assert_eq!(matches(part, name), want, "{part} {name}");
        }
    }
}
