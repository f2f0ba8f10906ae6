//! Scheduled tasks: the XML file, and what the cache in SOFTWARE keeps of it.
//!
//! Windows believes a task only if the cache's hash is that of its file, so
//! file, hash and the accounts in the cache change together or not at all:
//! a task whose hash is not understood, or that holds an account by a binary
//! SID of another length, is left alone and reported. The format of the cached
//! `Triggers` is not documented `[~]`: only whole SIDs of mapped accounts are
//! exchanged in it, byte for byte, for SIDs of the same length.

use super::find::{self, join};
use super::{Area, Reading, Report, Rules, apply, sddl_text};
use crate::error::HiveError;
use crate::hive::Hive;
use crate::time::FileTime;
use crate::value::RegValue;
use gw_secdesc::Sid;
use sha2::{Digest, Sha256};

/// Where the cache is in SOFTWARE.
const CACHE: &str = r"Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tasks";
/// Elements with one account each.
const OWNERS: [&str; 2] = ["UserId", "GroupId"];
const LIST: &str = "SecurityDescriptor";

/// The task files of a device, by the path that the cache names them with
/// (`\Contoso\Backup`).
pub type Read<'a> = dyn Fn(&str) -> Option<Vec<u8>> + 'a;

/// A task file that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdit {
    /// As the cache names it.
    pub path: String,
    /// Its new content.
    pub content: Vec<u8>,
}

/// Changes the cache and says which files change with it.
///
/// `file_ignored` says whether a task (by its path) is left alone.
///
/// # Errors
/// When the hive is damaged or cannot be edited.
pub fn translate(
    software: &mut Hive,
    rules: &Rules<'_>,
    at: FileTime,
    read: &Read<'_>,
    file_ignored: &dyn Fn(&str) -> bool,
) -> Result<(Report, Vec<FileEdit>), HiveError> {
    let mut report = Report::default();
    let mut files = Vec::new();
    let mut values = Vec::new();
    for task in cached(software)? {
        let tally = report.of(Area::ScheduledTasks);
        tally.seen += 1;
        if file_ignored(&task.path) || (rules.ignored)(&task.key) {
            tally.ignored += 1;
            continue;
        }
        match task.planned(rules, read) {
            Ok(planned) => {
                tally.kept += planned.kept;
                tally.accounts += planned.accounts.len() as u64;
                tally.changed += u64::from(planned.file.is_some() || !planned.values.is_empty());
                for account in planned.accounts {
                    report.notes.push(format!(
                        "the task {} runs as {account}, by name: choose the new account by hand",
                        task.path
                    ));
                }
                if planned.needs_password {
                    report.notes.push(format!(
                        "the task {} keeps a password: enter that of the new account",
                        task.path
                    ));
                }
                files.extend(planned.file);
                values.extend(planned.values);
            }
            Err(why) => {
                tally.refused += 1;
                report
                    .notes
                    .push(format!("the task {} was left alone: {why}", task.path));
            }
        }
    }
    if !values.is_empty() {
        let mut edit = software.edit(at)?;
        for (key, name, value) in values {
            edit.set_value(&key, &name, &value)?;
        }
    }
    Ok((report, files))
}

/// Accounts that tasks name by SID, except in tasks that are left alone.
///
/// # Errors
/// When the hive is damaged.
pub fn sids(
    software: &Hive,
    read: &Read<'_>,
    ignored: &dyn Fn(&str) -> bool,
    file_ignored: &dyn Fn(&str) -> bool,
) -> Result<Reading, HiveError> {
    let mut reading = Reading::default();
    for task in cached(software)? {
        if file_ignored(&task.path) || ignored(&task.key) {
            continue;
        }
        let file = read(&task.path).map(|bytes| task.understood(&bytes));
        match file {
            Some(Err(why)) => reading
                .unreadable
                .push(format!("the task {} ({why})", task.path)),
            file => {
                let mut found = Vec::new();
                if let Some(Ok(xml)) = &file {
                    for element in elements(&xml.text) {
                        found.extend(sddl_text::sids(element.content(&xml.text)));
                    }
                }
                found.extend(
                    task.list
                        .as_deref()
                        .map(sddl_text::sids)
                        .unwrap_or_default(),
                );
                reading.count(Area::ScheduledTasks, found);
            }
        }
    }
    Ok(reading)
}

/// A task as the cache has it.
struct Cached {
    key: String,
    path: String,
    hash: Option<Vec<u8>>,
    list: Option<String>,
    triggers: Option<RegValue>,
}

struct Planned {
    file: Option<FileEdit>,
    values: Vec<(String, String, RegValue)>,
    kept: u64,
    accounts: Vec<String>,
    needs_password: bool,
}

fn cached(software: &Hive) -> Result<Vec<Cached>, HiveError> {
    let mut found = Vec::new();
    for path in find::keys(software, &join(CACHE, "*"))? {
        let Some(key) = software.key(&path)? else {
            continue;
        };
        let value = |name: &str| -> Result<Option<RegValue>, HiveError> {
            key.value(name)?.map(|value| value.to_owned()).transpose()
        };
        let text = |name: &str| Ok::<_, HiveError>(value(name)?.and_then(|v| v.as_string()));
        let Some(task) = text("Path")?.filter(|task| task.starts_with('\\')) else {
            continue;
        };
        found.push(Cached {
            path: task,
            hash: value("Hash")?.map(|value| value.bytes),
            list: text(LIST)?,
            triggers: value("Triggers")?,
            key: path,
        });
    }
    Ok(found)
}

impl Cached {
    /// The file as text, if the cache's hash says that it is this one.
    fn understood(&self, bytes: &[u8]) -> Result<Xml, String> {
        let xml = Xml::decode(bytes).ok_or("its file is not text of a known encoding")?;
        let body = &bytes[xml.encoding.mark().len()..];
        match &self.hash {
            Some(hash) if hash.as_slice() != Sha256::digest(body).as_slice() => {
                Err("the hash in the cache is not the SHA-256 of its file".to_owned())
            }
            _ => Ok(xml),
        }
    }

    fn planned(&self, rules: &Rules<'_>, read: &Read<'_>) -> Result<Planned, String> {
        let mut planned = Planned {
            file: None,
            values: Vec::new(),
            kept: 0,
            accounts: Vec::new(),
            needs_password: false,
        };
        let mut set = |name: &str, value| {
            planned
                .values
                .push((self.key.clone(), name.to_owned(), value));
        };
        if let Some(list) = &self.list
            && let Some(new) = sddl_text::translate(list, rules.map, rules.mode)
        {
            set(LIST, RegValue::string(&new));
        }
        if let Some(triggers) = &self.triggers
            && let Some(new) = in_binary(&triggers.bytes, rules)?
        {
            set("Triggers", RegValue::new(triggers.kind, new));
        }
        let Some(bytes) = read(&self.path) else {
            return match planned.values.is_empty() {
                true => Ok(planned),
                false => Err("its file is missing".to_owned()),
            };
        };
        let xml = self.understood(&bytes)?;
        let edited = xml.edited(rules);
        planned.kept = edited.kept;
        planned.accounts = edited.accounts;
        if let Some(text) = edited.text {
            planned.needs_password = edited.owner_changed
                && elements_named(&text, "LogonType").any(|e| e.content(&text) == "Password");
            let content = xml.encoding.encode(&text);
            if self.hash.is_some() {
                let hash = Sha256::digest(&content[xml.encoding.mark().len()..]);
                planned.values.push((
                    self.key.clone(),
                    "Hash".to_owned(),
                    RegValue::binary(hash.to_vec()),
                ));
            }
            planned.file = Some(FileEdit {
                path: self.path.clone(),
                content,
            });
        }
        Ok(planned)
    }
}

/// Whole SIDs of mapped accounts in undocumented bytes.
fn in_binary(bytes: &[u8], rules: &Rules<'_>) -> Result<Option<Vec<u8>>, String> {
    let mut new = bytes.to_vec();
    let mut changed = false;
    let mut at = 0;
    while at + 8 <= new.len() {
        let found = (new[at] == 1)
            .then(|| Sid::parse(&new[at..]).ok())
            .flatten()
            .and_then(|(sid, len)| Some((rules.heir(&sid)?.clone(), sid, len)));
        let Some((heir, sid, len)) = found else {
            at += 1;
            continue;
        };
        if heir.encoded_len() != len {
            return Err(format!(
                "its cached triggers hold {sid}, and the SID of its successor has another length"
            ));
        }
        new[at..at + len].copy_from_slice(heir.as_bytes());
        changed = true;
        at += len;
    }
    Ok(changed.then_some(new))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// UTF-16LE with its mark, as Windows writes it.
    Wide,
    /// UTF-16LE without one.
    BareWide,
    /// UTF-8 with a mark.
    MarkedUtf8,
    /// UTF-8.
    Utf8,
}

impl Encoding {
    fn mark(self) -> &'static [u8] {
        match self {
            Self::Wide => &[0xff, 0xfe],
            Self::MarkedUtf8 => &[0xef, 0xbb, 0xbf],
            Self::BareWide | Self::Utf8 => &[],
        }
    }

    fn encode(self, text: &str) -> Vec<u8> {
        let mut out = self.mark().to_vec();
        match self {
            Self::Wide | Self::BareWide => {
                out.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
            }
            Self::MarkedUtf8 | Self::Utf8 => out.extend_from_slice(text.as_bytes()),
        }
        out
    }
}

struct Xml {
    encoding: Encoding,
    text: String,
}

struct Edited {
    text: Option<String>,
    owner_changed: bool,
    kept: u64,
    accounts: Vec<String>,
}

impl Xml {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let encoding = match bytes {
            [0xff, 0xfe, ..] => Encoding::Wide,
            [b'<', 0, ..] => Encoding::BareWide,
            [0xef, 0xbb, 0xbf, ..] => Encoding::MarkedUtf8,
            _ => Encoding::Utf8,
        };
        let body = &bytes[encoding.mark().len()..];
        let text = match encoding {
            Encoding::Wide | Encoding::BareWide => {
                if !body.len().is_multiple_of(2) {
                    return None;
                }
                let units: Vec<u16> = crate::raw::units(body).collect();
                String::from_utf16(&units).ok()?
            }
            Encoding::MarkedUtf8 | Encoding::Utf8 => String::from_utf8(body.to_vec()).ok()?,
        };
        Some(Self { encoding, text })
    }

    fn edited(&self, rules: &Rules<'_>) -> Edited {
        let mut out = String::with_capacity(self.text.len() + 128);
        let mut edited = Edited {
            text: None,
            owner_changed: false,
            kept: 0,
            accounts: Vec::new(),
        };
        let mut copied = 0;
        for element in elements(&self.text) {
            let content = element.content(&self.text);
            let new = if element.name == LIST {
                sddl_text::translate(content, rules.map, rules.mode)
            } else {
                let owner = content.trim().to_ascii_uppercase().parse::<Sid>().ok();
                let new = owner
                    .as_ref()
                    .and_then(|owner| rules.heir(owner))
                    .map(ToString::to_string);
                edited.owner_changed |= new.is_some();
                let mapped = owner.is_some_and(|owner| rules.map.target(&owner).is_some());
                edited.kept += u64::from(new.is_none() && mapped);
                if apply::is_directory_account(content) {
                    edited.accounts.push(content.to_owned());
                }
                new
            };
            if let Some(new) = new {
                out.push_str(&self.text[copied..element.from]);
                out.push_str(&new);
                copied = element.to;
            }
        }
        if copied > 0 {
            out.push_str(&self.text[copied..]);
            edited.text = Some(out);
        }
        edited
    }
}

/// Where the content of an element is.
#[derive(Debug, PartialEq, Eq)]
struct Element {
    name: &'static str,
    from: usize,
    to: usize,
}

impl Element {
    fn content<'t>(&self, text: &'t str) -> &'t str {
        &text[self.from..self.to]
    }
}

/// Elements that hold accounts, in the order of the text. A task file is made
/// by Windows: no prefixes, and elements inside these are none of them.
fn elements(text: &str) -> Vec<Element> {
    let mut found: Vec<Element> = OWNERS
        .into_iter()
        .chain([LIST])
        .flat_map(|name| elements_named(text, name))
        .collect();
    found.sort_by_key(|element| element.from);
    found
}

fn elements_named<'t>(text: &'t str, name: &'static str) -> impl Iterator<Item = Element> + 't {
    let open = format!("<{name}");
    let close = format!("</{name}>");
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + text[at..].find(&open)?;
            let after = start + open.len();
            at = after;
            let head = text[after..].find('>')?;
            let begins = text[after..].starts_with(['>', ' ', '\t', '\r', '\n', '/']);
            if !begins || text[after..after + head].ends_with('/') {
                continue;
            }
            let from = after + head + 1;
            let to = from + text[from..].find(&close)?;
            at = to;
            return Some(Element { name, from, to });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_whole() {
        let text = "<UserIdX>no</UserIdX><UserId/><UserId>a</UserId><GroupId a=\"b\">c</GroupId>";
        let found: Vec<&str> = elements(text).iter().map(|e| e.content(text)).collect();
        assert_eq!(found, ["a", "c"]);
    }

    #[test]
    fn every_encoding_comes_back() {
        for encoding in [
            Encoding::Wide,
            Encoding::BareWide,
            Encoding::MarkedUtf8,
            Encoding::Utf8,
        ] {
            let bytes = encoding.encode("<Task>ä</Task>");
            let xml = Xml::decode(&bytes).unwrap();
            assert_eq!(
                (xml.encoding, xml.text.as_str()),
                (encoding, "<Task>ä</Task>")
            );
        }
        assert!(Xml::decode(&[0xff, 0xfe, 0]).is_none());
    }
}
