//! One pass over the table: reads or changes what is at each place.

use super::find::{self, join};
use super::places::{self, Place, What};
use super::{Area, MachineHive, Reading, Report, Rules, firewall, sddl_text};
use crate::edit::Editor;
use crate::error::HiveError;
use crate::hive::Hive;
use crate::time::FileTime;
use crate::value::RegValue;
use gw_secdesc::{Sid, Translated};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Most remarks of one pass.
const NOTES: usize = 100;

/// One edit, found while the hive is only read.
enum Edit {
    Set(String, String, RegValue),
    RenameValue(String, String, String),
    RenameKey(String, String),
    Delete(String),
}

impl Edit {
    /// Values first, then keys from the deepest up, so that paths stay true.
    fn order(&self) -> (bool, Reverse<usize>) {
        match self {
            Self::Set(..) | Self::RenameValue(..) => (false, Reverse(0)),
            Self::RenameKey(path, _) | Self::Delete(path) => {
                (true, Reverse(path.matches('\\').count()))
            }
        }
    }
}

/// Changes the places of `hive` by `rules`; `at` becomes the last-written time
/// of what changes. A hive without any such place stays byte for byte.
///
/// # Errors
/// When the hive is damaged or cannot be edited.
pub fn translate(
    hive: &mut Hive,
    which: MachineHive,
    rules: &Rules<'_>,
    at: FileTime,
) -> Result<Report, HiveError> {
    let mut pass = Pass {
        rules,
        report: Report::default(),
        edits: Vec::new(),
    };
    for place in places::of(which) {
        if rules.areas.contains(&place.area) {
            for key in find::keys(hive, place.key)? {
                pass.place(hive, place, &key)?;
            }
        }
    }
    let Pass {
        mut report,
        mut edits,
        ..
    } = pass;
    report.notes.truncate(NOTES);
    if edits.is_empty() {
        return Ok(report);
    }
    edits.sort_by_key(Edit::order);
    let mut edit = hive.edit(at)?;
    for one in edits {
        match one {
            Edit::Set(key, name, value) => edit.set_value(&key, &name, &value)?,
            Edit::RenameValue(key, from, to) => {
                report
                    .notes
                    .extend(rename_value(&mut edit, &key, &from, &to)?);
            }
            Edit::Delete(key) => {
                edit.delete_key(&key)?;
            }
            Edit::RenameKey(key, name) => {
                let above = key.rsplit_once('\\').map_or("", |(above, _)| above);
                let taken = join(above, &name);
                if edit.hive().key(&taken)?.is_some() {
                    let parked = free_name(&name, |tried| {
                        Ok(edit.hive().key(&join(above, tried))?.is_none())
                    })?;
                    edit.rename_key(&taken, &parked)?;
                    report.notes.push(was_there(&taken, &parked));
                }
                edit.rename_key(&key, &name)?;
            }
        }
    }
    Ok(report)
}

/// Gives a value another name; one that has it already is kept beside it, and said.
fn rename_value(
    edit: &mut Editor<'_>,
    key: &str,
    from: &str,
    to: &str,
) -> Result<Option<String>, HiveError> {
    let named = |hive: &Hive, name: &str| -> Result<Option<RegValue>, HiveError> {
        let Some(key) = hive.key(key)? else {
            return Ok(None);
        };
        key.value(name)?.map(|value| value.to_owned()).transpose()
    };
    let Some(value) = named(edit.hive(), from)? else {
        return Ok(None);
    };
    let mut note = None;
    if let Some(taken) = named(edit.hive(), to)? {
        let parked = free_name(to, |tried| Ok(named(edit.hive(), tried)?.is_none()))?;
        edit.set_value(key, &parked, &taken)?;
        note = Some(was_there(&join(key, to), &parked));
    }
    edit.delete_value(key, from)?;
    edit.set_value(key, to, &value)?;
    Ok(note)
}

fn was_there(taken: &str, parked: &str) -> String {
    format!("{taken} was there already and is kept as {parked}")
}

/// The first name beside `name` that is free.
fn free_name(
    name: &str,
    free: impl Fn(&str) -> Result<bool, HiveError>,
) -> Result<String, HiveError> {
    let mut number = 1_u32;
    loop {
        let tried = match number {
            1 => format!("{name}.godwit-parked"),
            _ => format!("{name}.godwit-parked-{number}"),
        };
        if free(&tried)? {
            return Ok(tried);
        }
        number += 1;
    }
}

/// Accounts named at the places of `hive` that are not ignored.
///
/// # Errors
/// When the hive is damaged.
pub fn sids(
    hive: &Hive,
    which: MachineHive,
    areas: &BTreeSet<Area>,
    ignored: &dyn Fn(&str) -> bool,
) -> Result<Reading, HiveError> {
    let mut reading = Reading::default();
    for place in places::of(which) {
        if !areas.contains(&place.area) {
            continue;
        }
        for key in find::keys(hive, place.key)? {
            read_place(hive, place, &key, ignored, &mut reading)?;
        }
    }
    Ok(reading)
}

fn read_place(
    hive: &Hive,
    place: &Place,
    key: &str,
    ignored: &dyn Fn(&str) -> bool,
    reading: &mut Reading,
) -> Result<(), HiveError> {
    let area = place.area;
    match place.what {
        What::KeyName | What::Cache => {
            if !ignored(key) {
                reading.count(area, named_by(key));
            }
        }
        What::CacheOf(name) => {
            for (_, value) in values(hive, key, name)? {
                if !ignored(key) {
                    reading.count(area, text(&value).and_then(|text| account(&text)));
                }
            }
        }
        What::ValueNames => {
            for (name, _) in values(hive, key, "*")? {
                if !ignored(&join(key, &name)) {
                    reading.count(area, account(&name));
                }
            }
        }
        What::Descriptor(pattern) => {
            for (name, value) in values(hive, key, pattern)? {
                let at = join(key, &name);
                if ignored(&at) {
                    continue;
                }
                let mut found = Vec::new();
                match gw_secdesc::sids(&value.bytes, |_, sid| found.push(sid)) {
                    Ok(()) => reading.count(area, found),
                    Err(error) => reading.unreadable.push(format!("{at} ({error})")),
                }
            }
        }
        What::Sddl(pattern) | What::SidText(pattern) => {
            for (name, value) in values(hive, key, pattern)? {
                if !ignored(&join(key, &name)) {
                    let text = text(&value).unwrap_or_default();
                    reading.count(area, sddl_text::sids(&text));
                }
            }
        }
        What::FirewallRule(pattern) => {
            for (name, value) in values(hive, key, pattern)? {
                if !ignored(&join(key, &name)) {
                    let text = text(&value).unwrap_or_default();
                    reading.count(area, firewall::sids(&text));
                }
            }
        }
        What::NameBeside(..) | What::Account(_) => {}
    }
    Ok(())
}

struct Pass<'a> {
    rules: &'a Rules<'a>,
    report: Report,
    edits: Vec<Edit>,
}

impl Pass<'_> {
    /// Counts a place; `false` when it is ignored.
    fn look(&mut self, area: Area, at: &str) -> bool {
        let ignored = (self.rules.ignored)(at);
        let tally = self.report.of(area);
        tally.seen += 1;
        tally.ignored += u64::from(ignored);
        !ignored
    }

    fn change(&mut self, area: Area, edit: Edit) {
        self.report.of(area).changed += 1;
        self.edits.push(edit);
    }

    fn note(&mut self, text: String) {
        if self.report.notes.len() < NOTES {
            self.report.notes.push(text);
        }
    }

    fn keep(&mut self, area: Area, at: &str, owner: &Sid) {
        self.report.of(area).kept += 1;
        self.note(format!(
            "{at} stays with {owner}: it has one owner, and that profile does not change hands"
        ));
    }

    fn place(&mut self, hive: &Hive, place: &Place, key: &str) -> Result<(), HiveError> {
        let area = place.area;
        match place.what {
            What::KeyName | What::Cache => {
                if let Some(owner) = named_by(key) {
                    self.owned(area, key, &owner, place.what == What::Cache);
                }
            }
            What::CacheOf(name) => {
                for (_, value) in values(hive, key, name)? {
                    if let Some(owner) = text(&value).and_then(|text| account(&text)) {
                        self.owned(area, key, &owner, true);
                    }
                }
            }
            What::ValueNames => {
                for (name, _) in values(hive, key, "*")? {
                    let Some(owner) = account(&name) else {
                        continue;
                    };
                    let at = join(key, &name);
                    if !self.look(area, &at) {
                        continue;
                    }
                    match self.rules.heir(&owner).map(ToString::to_string) {
                        Some(heir) => {
                            self.change(area, Edit::RenameValue(key.to_owned(), name, heir));
                        }
                        None if self.rules.map.target(&owner).is_some() => {
                            self.keep(area, &at, &owner);
                        }
                        None => {}
                    }
                }
            }
            What::Descriptor(pattern)
            | What::Sddl(pattern)
            | What::SidText(pattern)
            | What::FirewallRule(pattern)
            | What::Account(pattern) => {
                for (name, value) in values(hive, key, pattern)? {
                    let at = join(key, &name);
                    if self.look(area, &at) {
                        self.value(place, key, name, &value, &at);
                    }
                }
            }
            What::NameBeside(name, owner) => self.name_beside(hive, area, key, name, owner)?,
        }
        Ok(())
    }

    fn owned(&mut self, area: Area, key: &str, owner: &Sid, cache: bool) {
        if !self.look(area, key) {
            return;
        }
        match self.rules.heir(owner).map(ToString::to_string) {
            Some(_) if cache => self.change(area, Edit::Delete(key.to_owned())),
            Some(heir) => {
                if area == Area::AppPackages {
                    self.note(format!(
                        "{key} goes to {heir}; packaged applications register again at that user's first sign-in"
                    ));
                }
                self.change(area, Edit::RenameKey(key.to_owned(), heir));
            }
            None if self.rules.map.target(owner).is_some() => self.keep(area, key, owner),
            None => {}
        }
    }

    fn value(&mut self, place: &Place, key: &str, name: String, value: &RegValue, at: &str) {
        let area = place.area;
        let set = |name: String, new: RegValue| Edit::Set(key.to_owned(), name, new);
        match place.what {
            What::Descriptor(_) => {
                match gw_secdesc::translate(&value.bytes, self.rules.map, self.rules.mode) {
                    Ok(Translated::Unchanged) => {}
                    Ok(Translated::Changed { bytes, fallback }) => {
                        self.report.of(area).fallbacks += u64::from(fallback);
                        self.change(area, set(name, RegValue::new(value.kind, bytes)));
                    }
                    Err(error) => {
                        self.report.of(area).refused += 1;
                        self.note(format!("{at} was left alone: {error}"));
                    }
                }
            }
            What::Sddl(_) => {
                let old = text(value).unwrap_or_default();
                if let Some(new) = sddl_text::translate(&old, self.rules.map, self.rules.mode) {
                    self.change(area, set(name, like(value, &new)));
                }
            }
            What::FirewallRule(_) => {
                let old = text(value).unwrap_or_default();
                let (new, kept) = firewall::translate(&old, self.rules);
                if kept {
                    self.report.of(area).kept += 1;
                }
                if let Some(new) = new {
                    self.change(area, set(name, like(value, &new)));
                }
            }
            What::SidText(_) => {
                let Some(owner) = text(value).and_then(|text| account(&text)) else {
                    return;
                };
                match self.rules.heir(&owner) {
                    Some(heir) => {
                        self.change(area, set(name, like(value, &heir.to_string())));
                    }
                    None if self.rules.map.target(&owner).is_some() => {
                        self.keep(area, at, &owner);
                    }
                    None => {}
                }
            }
            What::Account(_) => {
                if let Some(account) = text(value).filter(|text| is_directory_account(text)) {
                    self.report.of(area).accounts += 1;
                    self.note(format!(
                        "{at} runs as {account}: its password cannot be carried over, set the new account by hand"
                    ));
                }
            }
            _ => {}
        }
    }

    /// The name of an account goes with the SID beside it.
    fn name_beside(
        &mut self,
        hive: &Hive,
        area: Area,
        key: &str,
        name: &str,
        owner: &str,
    ) -> Result<(), HiveError> {
        let Some((name, value)) = values(hive, key, name)?.into_iter().next() else {
            return Ok(());
        };
        let owner = values(hive, key, owner)?
            .first()
            .and_then(|(_, value)| text(value))
            .and_then(|text| account(&text));
        let at = join(key, &name);
        let (true, Some(owner)) = (self.look(area, &at), owner) else {
            return Ok(());
        };
        let Some(heir) = self.rules.heir(&owner) else {
            return Ok(());
        };
        match self.rules.names.get(heir) {
            Some(new) => {
                let edit = Edit::Set(key.to_owned(), name, like(&value, new));
                self.change(area, edit);
            }
            None => {
                self.report.of(area).kept += 1;
                self.note(format!("{at} stays: the name of {heir} is not known"));
            }
        }
        Ok(())
    }
}

/// Values of a key by name pattern.
fn values(hive: &Hive, key: &str, pattern: &str) -> Result<Vec<(String, RegValue)>, HiveError> {
    let Some(key) = hive.key(key)? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for value in key.values()? {
        let name = value.name();
        if find::matches(pattern, &name) {
            found.push((name, value.to_owned()?));
        }
    }
    Ok(found)
}

fn text(value: &RegValue) -> Option<String> {
    value.as_string().filter(|text| !text.is_empty())
}

/// New text of the type that the old one has.
fn like(old: &RegValue, text: &str) -> RegValue {
    RegValue::new(old.kind, RegValue::string(text).bytes)
}

fn account(text: &str) -> Option<Sid> {
    text.trim().to_ascii_uppercase().parse().ok()
}

fn named_by(key: &str) -> Option<Sid> {
    account(key.rsplit('\\').next().unwrap_or(key))
}

/// `DOMAIN\name` or `name@domain`, but not what every Windows has.
pub(super) fn is_directory_account(text: &str) -> bool {
    let Some((domain, _)) = text.split_once('\\') else {
        return text.contains('@');
    };
    let domain = domain.to_uppercase();
    let own = [".", "BUILTIN", "IIS APPPOOL", "LOCALSYSTEM"];
    // NT AUTHORITY, NT SERVICE and their translations (NT-AUTORITÄT, AUTORITE NT).
    let system = domain.starts_with("NT ") || domain.starts_with("NT-") || domain.ends_with(" NT");
    !(own.contains(&domain.as_str()) || system)
}
