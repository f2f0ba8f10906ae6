//! How the fake PC makes and takes back each change.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use serde_json::json;

use super::cells::{self, FileCell, GroupCell, HiveCell, ProfileCell, SecurityCell};
use super::machine::{FakePc, Phase};
use super::sd;
use crate::change::{Before, BlobRef, Change, Counts, FolderCounts};
use crate::machine::{BeforeStore, Cx, MachineError};
use crate::map::{MapRef, Mode};
use crate::name::may_rename;
use crate::seen::FileScope;

/// Every cell a small change touches, as it was: `None` means it was absent.
pub(super) type Image = BTreeMap<String, Option<Vec<u8>>>;

impl FakePc {
    pub(super) fn prepare_change(
        &mut self,
        change: &Change,
        cx: &mut Cx<'_>,
    ) -> Result<Before, MachineError> {
        match change {
            Change::TranslateFiles { scope, map, mode } => {
                self.prepare_files(change, scope, map, *mode, cx)
            }
            Change::TranslateHive { hive, map, mode } => {
                let key = format!("hive/{}", hive.label());
                let cell: HiveCell = self.cell(&key)?.ok_or(MachineError::Missing {
                    object: hive.label(),
                })?;
                if let Some(because) = cell.refused {
                    return Err(MachineError::Damaged {
                        object: hive.label(),
                        why: because,
                    });
                }
                let (_, counts) = self.translated_cells(&cell.sks, map, *mode, cx)?;
                let image = cells::write(&key, &cell.sks)?;
                let blob = write_blob(cx.store, "cells", &image)?;
                Ok(before(change, counts, vec![blob], json!({})))
            }
            Change::TranslateAreas { scope, map, mode } => {
                let map = cx.inputs.map(map)?;
                let image = self.areas_image(scope, &map)?;
                let (_, mut counts, notes) = self.areas_after(scope, &map, *mode, &image)?;
                let blob = write_blob(cx.store, "areas", &cells::write("areas", &text(&image))?)?;
                // Not the rights: what guards add to them is no part of the plan.
                counts.undo_bytes = image
                    .iter()
                    .filter(|(key, _)| !key.starts_with("right/"))
                    .map(|(_, value)| value.as_ref().map_or(0, |bytes| bytes.len() as u64))
                    .sum();
                Ok(Before {
                    notes,
                    ..before(change, counts, vec![blob], json!({}))
                })
            }
            _ => {
                if let Change::Rename { from, to } = change {
                    may_rename(&self.next_name()?, from, to)?;
                }
                let image = self.image_of(change)?;
                let after = self.after_of(change, &image, cx)?;
                let counts = Counts {
                    seen: image.len() as u64,
                    // The secret is not counted: a rehearsal has none.
                    changed: image
                        .iter()
                        .filter(|(key, value)| after.get(*key) != Some(value))
                        .count() as u64,
                    ..Counts::default()
                };
                let data =
                    serde_json::to_value(text(&image)).map_err(|error| MachineError::Damaged {
                        object: change.describe(),
                        why: error.to_string(),
                    })?;
                Ok(before(change, counts, Vec::new(), data))
            }
        }
    }

    pub(super) fn execute_change(
        &mut self,
        change: &Change,
        before: &Before,
        cx: &mut Cx<'_>,
    ) -> Result<(), MachineError> {
        match change {
            Change::TranslateFiles { map, mode, .. } => {
                let map = sd::sid_map(&cx.inputs.map(map)?)?;
                let mode = *mode;
                self.walk(before, cx, Phase::Execute, |bytes| {
                    Ok(sd::translated(bytes, &map, mode)?
                        .map_or_else(|| bytes.to_vec(), |(new, _)| new))
                })
            }
            Change::TranslateAreas { scope, map, mode } => {
                let (map, image) = (cx.inputs.map(map)?, areas_image(before, cx)?);
                let (after, ..) = self.areas_after(scope, &map, *mode, &image)?;
                self.put_synced(after)
            }
            Change::TranslateHive { hive, map, mode } => {
                let old = self.hive_image(before, cx)?;
                let (sks, _) = self.translated_cells(&old, map, *mode, cx)?;
                self.put_hive(&hive.label(), sks)
            }
            Change::Rename { from, to } => self.rename(from, to, image(before)?),
            _ => {
                let image = image(before)?;
                if self.membership_execute(change, &image, cx)? {
                    return Ok(());
                }
                let after = self.after_of(change, &image, cx)?;
                self.put_all(after)
            }
        }
    }

    pub(super) fn revert_change(
        &mut self,
        change: &Change,
        before: &Before,
        cx: &mut Cx<'_>,
    ) -> Result<(), MachineError> {
        match change {
            Change::TranslateFiles { .. } => {
                self.walk(before, cx, Phase::Revert, |bytes| Ok(bytes.to_vec()))
            }
            Change::TranslateAreas { map, .. } => {
                let wanted = self.areas_before(&cx.inputs.map(map)?, areas_image(before, cx)?)?;
                self.put_synced(wanted)
            }
            Change::TranslateHive { hive, .. } => {
                let old = self.hive_image(before, cx)?;
                self.put_hive(&hive.label(), old)
            }
            Change::SetRegistryValue {
                hive, key, name, ..
            } => {
                // Only the value: the hive may have changed otherwise since.
                let label = format!("hive/{}", hive.label());
                let slot = format!("{key}\\{name}");
                let old: Option<HiveCell> = image(before)?
                    .remove(&label)
                    .flatten()
                    .map(|bytes| cells::read(&label, &bytes))
                    .transpose()?;
                let mut cell: HiveCell = self.cell(&label)?.ok_or(MachineError::Missing {
                    object: label.clone(),
                })?;
                match old.and_then(|old| old.values.get(&slot).cloned()) {
                    Some(data) => cell.values.insert(slot, data),
                    None => cell.values.remove(&slot),
                };
                self.put_all(Image::from([(
                    label.clone(),
                    Some(cells::write(&label, &cell)?),
                )]))
            }
            Change::SetAccountRight { sid, right, .. } => {
                // Only this right: guards come down in any order.
                let key = format!("right/{sid}");
                let held_before = match image(before)?.remove(&key).flatten() {
                    Some(bytes) => cells::read::<Vec<String>>(&key, &bytes)?.contains(right),
                    None => false,
                };
                let mut rights: Vec<String> = self.cell(&key)?.unwrap_or_default();
                rights.retain(|one| one != right);
                if held_before {
                    rights.push(right.clone());
                    rights.sort();
                }
                let value = match rights.is_empty() {
                    true => None,
                    false => Some(cells::write(&key, &rights)?),
                };
                self.put_all(Image::from([(key, value)]))
            }
            Change::Rename { .. } => self.unrename(image(before)?),
            _ if self.membership_revert(change, before, image)? => Ok(()),
            _ => self.put_all(image(before)?),
        }
    }

    /// As [`FakePc::put_all`], a few cells at a time on stable storage.
    fn put_synced(&mut self, cells: Image) -> Result<(), MachineError> {
        let mut some = Image::new();
        for (key, value) in cells {
            some.insert(key, value);
            if some.len() == 4 {
                self.put_all(std::mem::take(&mut some))?;
                self.disk.sync()?;
            }
        }
        self.put_all(some)
    }

    pub(super) fn put_all(&mut self, cells: Image) -> Result<(), MachineError> {
        for (key, value) in cells {
            if self.disk.get(&key) != value.as_deref() {
                self.strike(Phase::Execute, &key)?;
                self.disk.put(&key, value)?;
            }
        }
        Ok(())
    }

    /// The cells a small change touches.
    fn image_of(&mut self, change: &Change) -> Result<Image, MachineError> {
        let keys: Vec<String> = match change {
            Change::RekeyProfile {
                source_sid,
                target_sid,
                ..
            } => vec![
                format!("profile/{source_sid}"),
                format!("profile/{target_sid}"),
                format!("parked/profile/{target_sid}"),
            ],
            Change::TranslateLocalGroups { .. } => self
                .cells::<GroupCell>("group/")?
                .into_iter()
                .map(|(sid, _)| format!("group/{sid}"))
                .collect(),
            Change::SetRegistryValue { hive, .. } => vec![format!("hive/{}", hive.label())],
            Change::SetAccountRight { sid, .. } => vec![format!("right/{sid}")],
            Change::Rename { .. } => self.name_keys(),
            Change::MakeFolder { path } => vec![format!("folder/{}", path.folded())],
            Change::Park { path, name } => {
                vec![
                    format!("folder/{}", path.folded()),
                    format!("parked/{name}"),
                ]
            }
            _ => self.membership_keys(change).unwrap_or_default(),
        };
        Ok(keys
            .into_iter()
            .map(|key| {
                let value = self.disk.get(&key).map(<[u8]>::to_vec);
                (key, value)
            })
            .collect())
    }

    /// The same cells after the change, from their image alone.
    fn after_of(
        &mut self,
        change: &Change,
        image: &Image,
        cx: &mut Cx<'_>,
    ) -> Result<Image, MachineError> {
        let mut after = image.clone();
        match change {
            Change::RekeyProfile {
                source_sid,
                target_sid,
                path,
            } => {
                let (from, to) = (
                    format!("profile/{source_sid}"),
                    format!("profile/{target_sid}"),
                );
                let Some(Some(bytes)) = image.get(&from) else {
                    return Err(MachineError::Missing {
                        object: format!("profile of {source_sid}"),
                    });
                };
                let mut cell: ProfileCell = cells::read(&from, bytes)?;
                if !cell.path.same(path) || cell.loaded {
                    return Err(MachineError::InUse {
                        object: path.to_string(),
                    });
                }
                cell.state = 0;
                if let Some(Some(existing)) = image.get(&to) {
                    after.insert(
                        format!("parked/profile/{target_sid}"),
                        Some(existing.clone()),
                    );
                }
                after.insert(to.clone(), Some(cells::write(&to, &cell)?));
                after.insert(from, None);
            }
            Change::TranslateLocalGroups { map, mode } => {
                let map = cx.inputs.map(map)?;
                for (key, value) in &mut after {
                    let Some(bytes) = value else { continue };
                    let mut cell: GroupCell = cells::read(key, bytes)?;
                    let mut members = Vec::new();
                    for member in cell.members {
                        let target = map.target(&member).cloned();
                        if target.is_none() || *mode == Mode::Add {
                            members.push(member);
                        }
                        members.extend(target);
                    }
                    let mut seen = std::collections::BTreeSet::new();
                    members.retain(|member| seen.insert(member.clone()));
                    cell.members = members;
                    *value = Some(cells::write(key, &cell)?);
                }
            }
            Change::SetRegistryValue {
                key, name, data, ..
            } => {
                for (label, value) in &mut after {
                    let Some(bytes) = value else {
                        return Err(MachineError::Missing {
                            object: label.clone(),
                        });
                    };
                    let mut cell: HiveCell = cells::read(label, bytes)?;
                    let slot = format!("{key}\\{name}");
                    match data {
                        Some(data) => cell.values.insert(slot, data.clone()),
                        None => cell.values.remove(&slot),
                    };
                    *value = Some(cells::write(label, &cell)?);
                }
            }
            Change::SetAccountRight { right, held, .. } => {
                for (key, value) in &mut after {
                    let mut rights: Vec<String> = match value {
                        Some(bytes) => cells::read(key, bytes)?,
                        None => Vec::new(),
                    };
                    rights.retain(|one| one != right);
                    if *held {
                        rights.push(right.clone());
                        rights.sort();
                    }
                    *value = match rights.is_empty() {
                        true => None,
                        false => Some(cells::write(key, &rights)?),
                    };
                }
            }
            Change::Rename { to, .. } => Self::renamed(to, &mut after)?,
            Change::MakeFolder { path } => {
                after.insert(format!("folder/{}", path.folded()), Some(Vec::new()));
            }
            Change::Park { path, name } => {
                let from = format!("folder/{}", path.folded());
                let content = image.get(&from).cloned().flatten();
                if content.is_none() {
                    return Err(MachineError::Missing {
                        object: path.to_string(),
                    });
                }
                after.insert(from, None);
                after.insert(format!("parked/{name}"), content);
            }
            _ => self.membership_after(change, &mut after)?,
        }
        Ok(after)
    }

    fn prepare_files(
        &mut self,
        change: &Change,
        scope: &FileScope,
        map: &MapRef,
        mode: Mode,
        cx: &mut Cx<'_>,
    ) -> Result<Before, MachineError> {
        let map = sd::sid_map(&cx.inputs.map(map)?)?;
        let (files, ignored) = self.files_in(scope)?;
        let mut counts = Counts {
            ignored,
            ..Counts::default()
        };
        let mut index: BTreeMap<Vec<u8>, (u32, bool)> = BTreeMap::new();
        let mut table: Vec<SecurityCell> = Vec::new();
        let mut plan = Vec::new();
        for (key, file) in files {
            if cx.progress.due() {
                cx.progress.checkpoint(0, 0)?;
            }
            let (slot, changes) = match index.get(&file.sd) {
                Some(found) => *found,
                None => {
                    let slot = table.len() as u32;
                    let new = sd::translated(&file.sd, &map, mode);
                    let changes = match &new {
                        Ok(Some((_, fallback))) => {
                            counts.descriptors_changed += 1;
                            counts.fallbacks += u64::from(*fallback);
                            true
                        }
                        Ok(None) => false,
                        Err(_) => {
                            counts.refused += 1;
                            false
                        }
                    };
                    table.push(SecurityCell {
                        sd: file.sd.clone(),
                        keys: 0,
                    });
                    index.insert(file.sd.clone(), (slot, changes));
                    (slot, changes)
                }
            };
            counts.seen += 1;
            counts.changed += u64::from(changes);
            for folder in &scope.count_under {
                if file.names.iter().any(|name| name.is_under(folder)) {
                    let entry: &mut FolderCounts =
                        counts.by_folder.entry(folder.to_string()).or_default();
                    entry.seen += 1;
                    entry.changed += u64::from(changes);
                }
            }
            if changes {
                plan.push((key, slot));
            }
        }
        counts.descriptors = table.len() as u64;
        let descriptors = write_blob(cx.store, "descriptors", &cells::write("", &table)?)?;
        let plan = write_blob(cx.store, "plan", &cells::write("", &plan)?)?;
        counts.undo_bytes = descriptors.bytes + plan.bytes;
        Ok(before(change, counts, vec![descriptors, plan], json!({})))
    }

    /// Gives each file of the plan what `wanted` makes of its old descriptor.
    fn walk(
        &mut self,
        before: &Before,
        cx: &mut Cx<'_>,
        phase: Phase,
        mut wanted: impl FnMut(&[u8]) -> Result<Vec<u8>, MachineError>,
    ) -> Result<(), MachineError> {
        let [descriptors, plan] = before.blobs.as_slice() else {
            return Err(MachineError::Damaged {
                object: "before-image".to_owned(),
                why: "it has no plan".to_owned(),
            });
        };
        let table: Vec<SecurityCell> =
            cells::read("descriptors", &read_blob(cx.store, descriptors)?)?;
        let plan: Vec<(String, u32)> = cells::read("plan", &read_blob(cx.store, plan)?)?;
        let total = plan.len() as u64;
        let start = cx.progress.cursor();
        for (number, (key, slot)) in plan.iter().enumerate().skip(start as usize) {
            let old = table.get(*slot as usize).ok_or(MachineError::Damaged {
                object: "plan".to_owned(),
                why: "a descriptor is missing".to_owned(),
            })?;
            let mut file: FileCell = self.cell(key)?.ok_or(MachineError::Missing {
                object: key.clone(),
            })?;
            for name in &file.names {
                self.strike(phase, name.as_str())?;
            }
            let new = wanted(&old.sd)?;
            if file.sd != new {
                file.sd = new;
                self.disk.put(key, Some(cells::write(key, &file)?))?;
            }
            if cx.progress.due() {
                self.disk.sync()?;
                cx.progress.checkpoint(number as u64 + 1, total)?;
            }
        }
        Ok(())
    }

    fn translated_cells(
        &self,
        old: &[SecurityCell],
        map: &MapRef,
        mode: Mode,
        cx: &mut Cx<'_>,
    ) -> Result<(Vec<SecurityCell>, Counts), MachineError> {
        let map = sd::sid_map(&cx.inputs.map(map)?)?;
        let mut counts = Counts::default();
        let mut new: Vec<SecurityCell> = Vec::new();
        for cell in old {
            counts.seen += cell.keys;
            counts.descriptors += 1;
            let bytes = match sd::translated(&cell.sd, &map, mode)? {
                Some((bytes, fallback)) => {
                    counts.changed += cell.keys;
                    counts.descriptors_changed += 1;
                    counts.fallbacks += u64::from(fallback);
                    bytes
                }
                None => cell.sd.clone(),
            };
            // Two that become equal are merged, as in a real hive.
            match new.iter_mut().find(|known| known.sd == bytes) {
                Some(known) => known.keys += cell.keys,
                None => new.push(SecurityCell {
                    sd: bytes,
                    keys: cell.keys,
                }),
            }
        }
        Ok((new, counts))
    }

    fn hive_image(&self, before: &Before, cx: &Cx<'_>) -> Result<Vec<SecurityCell>, MachineError> {
        let blob = before.blobs.first().ok_or(MachineError::Damaged {
            object: "before-image".to_owned(),
            why: "it has no cells".to_owned(),
        })?;
        cells::read("cells", &read_blob(cx.store, blob)?)
    }

    fn put_hive(&mut self, label: &str, sks: Vec<SecurityCell>) -> Result<(), MachineError> {
        let key = format!("hive/{label}");
        let mut cell: HiveCell = self.cell(&key)?.ok_or(MachineError::Missing {
            object: label.to_owned(),
        })?;
        if cell.sks != sks {
            cell.sks = sks;
            self.disk.put(&key, Some(cells::write(&key, &cell)?))?;
        }
        Ok(())
    }
}

fn before(change: &Change, counts: Counts, blobs: Vec<BlobRef>, data: serde_json::Value) -> Before {
    Before {
        v: 1,
        undo: change.undo_class(),
        counts,
        notes: Vec::new(),
        blobs,
        data,
    }
}

/// Cells are text, so what is written down stays readable.
fn text(image: &Image) -> BTreeMap<&String, Option<String>> {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    image
        .iter()
        .map(|(key, value)| (key, value.as_ref().map(text)))
        .collect()
}

fn areas_image(before: &Before, cx: &Cx<'_>) -> Result<Image, MachineError> {
    let blob = before.blobs.first().ok_or(MachineError::Damaged {
        object: "before-image".to_owned(),
        why: "it has no cells".to_owned(),
    })?;
    let text: BTreeMap<String, Option<String>> = cells::read("areas", &read_blob(cx.store, blob)?)?;
    Ok(text
        .into_iter()
        .map(|(key, value)| (key, value.map(String::into_bytes)))
        .collect())
}

fn image(before: &Before) -> Result<Image, MachineError> {
    let text: BTreeMap<String, Option<String>> = serde_json::from_value(before.data.clone())
        .map_err(|error| MachineError::Damaged {
            object: "before-image".to_owned(),
            why: error.to_string(),
        })?;
    Ok(text
        .into_iter()
        .map(|(key, value)| (key, value.map(String::into_bytes)))
        .collect())
}

fn write_blob(
    store: &mut dyn BeforeStore,
    name: &str,
    bytes: &[u8],
) -> Result<BlobRef, MachineError> {
    let mut writer = store.create(name)?;
    for part in bytes.chunks(4096) {
        writer
            .write_all(part)
            .map_err(|error| MachineError::io(name, &error))?;
    }
    writer.seal()
}

fn read_blob(store: &dyn BeforeStore, blob: &BlobRef) -> Result<Vec<u8>, MachineError> {
    let mut out = Vec::new();
    store
        .open(blob, 0)?
        .read_to_end(&mut out)
        .map_err(|error| MachineError::io(&*blob.name, &error))?;
    Ok(out)
}
