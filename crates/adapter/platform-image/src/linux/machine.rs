//! The machine: views and changes, each handed to the module that knows the place.

use super::{
    account, areas, facts, files, groups, guard, hivefile, hives, kerberos, membership,
    mount::Volume, name, profiles, registry, rights, scan, scan::Scan, sids, tree,
};
use gw_hive::FileTime;
use gw_platform::{
    AreaScope, Before, Change, Counts, Cx, Facts, FileScope, HiveInfo, HiveRef, HiveRootAccess,
    Ignored, JoinProof, JoinState, JoinTarget, LocalGroup, Machine, MachineError, Outcome, Profile,
    Reach, Scope, Secret, SidCount, SidText, SidsSeen, UndoClass, Undone, WinPath, may_rename,
};
use gw_secdesc::Sid;
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

/// Our folder on the device: never read for SIDs, never rewritten.
const OWN: &str = "C:\\ProgramData\\Godwit";
/// Where originals go, inside [`OWN`].
const PARK: &str = "C:\\ProgramData\\Godwit\\Agent\\park";

/// A device that is a disk image. The volume is mounted while the value lives.
pub struct ImageMachine {
    volume: Volume,
    hardware: facts::Hardware,
    /// For files that must not be on the volume, such as a Kerberos ticket for a moment.
    scratch: PathBuf,
    own: WinPath,
    park: WinPath,
}

impl ImageMachine {
    /// Opens the device in `dir` (`disk.img`, `device.json`; mounted at `mnt`).
    ///
    /// # Errors
    /// When the folder is not a device, or the volume cannot be mounted.
    pub fn open(dir: &Path) -> Result<Self, MachineError> {
        let hardware = facts::Hardware::read(dir)?;
        let volume = Volume::open(&dir.join("disk.img"), &dir.join("mnt"))?;
        Ok(Self {
            volume,
            hardware,
            scratch: dir.join("agent/tmp"),
            own: tree::parse(OWN)?,
            park: tree::parse(PARK)?,
        })
    }

    fn root(&self) -> &Path {
        self.volume.root()
    }

    fn folders(&self) -> Result<BTreeMap<String, WinPath>, MachineError> {
        facts::folders(self.root())
    }

    fn ignored(&self, scope: &FileScope) -> Result<Ignored, MachineError> {
        Ok(Ignored::compile(
            scope.ignored.iter().map(String::as_str),
            &self.folders()?,
        ))
    }

    fn area_ignored(&self, scope: &AreaScope) -> Result<Ignored, MachineError> {
        Ok(Ignored::compile(
            scope.ignored.iter().map(String::as_str),
            &self.folders()?,
        ))
    }

    /// Runs `work` with what hive edits need.
    fn with_place<T>(
        &self,
        work: impl FnOnce(&hivefile::Place<'_>) -> Result<T, MachineError>,
    ) -> Result<T, MachineError> {
        let sync = || self.volume.sync();
        work(&hivefile::Place {
            root: self.root(),
            park: &self.park,
            sync: &sync,
        })
    }

    /// Everything that `scope` asks for, by the volume's own tables.
    fn scan(&mut self, scope: &FileScope) -> Result<Scan, MachineError> {
        let ignored = self.ignored(scope)?;
        let wanted = scan::Wanted {
            scope,
            ignored: &ignored,
            own: &self.own,
        };
        self.volume.away(|image| scan::read(image, &wanted))
    }

    fn files_seen(&mut self, scope: &FileScope, seen: &mut SidsSeen) -> Result<(), MachineError> {
        let found = self.scan(scope)?;
        let mut users: HashMap<usize, u64> = HashMap::new();
        for object in &found.objects {
            *users.entry(object.descriptor).or_default() += 1;
        }
        let mut sum: BTreeMap<Sid, SidCount> = BTreeMap::new();
        for (descriptor, users) in users {
            match sids::of(&found.descriptors[descriptor]) {
                Ok(named) => {
                    for (sid, count) in named {
                        sum.entry(sid).or_default().add(&sids::times(&count, users));
                    }
                }
                Err(why) if seen.unreadable.len() < 100 => {
                    seen.unreadable
                        .push(format!("a descriptor of {users} files: {why}"));
                }
                Err(_) => {}
            }
        }
        for (sid, count) in sum {
            seen.files.insert(sids::text(&sid)?, count);
        }
        Ok(())
    }
}

/// One object changed, one looked at: the counts of a small change.
fn one() -> Counts {
    Counts {
        seen: 1,
        changed: 1,
        ..Counts::default()
    }
}

fn small(undo: UndoClass, data: serde_json::Value) -> Before {
    Before {
        v: 1,
        undo,
        counts: one(),
        notes: Vec::new(),
        blobs: Vec::new(),
        data,
    }
}

/// The edit of a hive behind a change, for those that are one.
type HiveEdit<'a> = Box<hivefile::Change<'a>>;

fn hive_edit<'a>(
    change: &'a Change,
    cx: &Cx<'_>,
) -> Result<Option<(WinPath, HiveEdit<'a>)>, MachineError> {
    Ok(Some(match change {
        Change::RekeyProfile {
            source_sid,
            target_sid,
            path,
        } => (
            registry::config("SOFTWARE")?,
            Box::new(move |hive, at| {
                profiles::rekey(hive, at, source_sid, target_sid, path)?;
                Ok((one(), Vec::new()))
            }),
        ),
        Change::TranslateHive { hive, map, mode } => {
            let (pairs, mode) = (sids::map(&cx.inputs.map(map)?)?, sids::mode(*mode));
            let path = registry::file_of(hive)?;
            let named = path.clone();
            (
                path,
                Box::new(move |hive, _| hives::translate(hive, &named, &pairs, mode)),
            )
        }
        Change::TranslateLocalGroups { map, mode } => {
            let (pairs, mode) = (sids::map(&cx.inputs.map(map)?)?, sids::mode(*mode));
            (
                registry::config("SAM")?,
                Box::new(move |hive, at| groups::translate(hive, at, &pairs, mode)),
            )
        }
        _ => return Ok(None),
    }))
}

impl Machine for ImageMachine {
    fn facts(&mut self) -> Result<Facts, MachineError> {
        facts::read(self.root(), &self.hardware)
    }

    fn join_state(&mut self) -> Result<JoinState, MachineError> {
        membership::read(self.root())
    }

    fn profiles(&mut self) -> Result<Vec<Profile>, MachineError> {
        profiles::read(self.root(), &self.folders()?)
    }

    fn local_groups(&mut self) -> Result<Vec<LocalGroup>, MachineError> {
        groups::read(self.root())
    }

    fn hives(&mut self) -> Result<Vec<HiveInfo>, MachineError> {
        let profiles = self.profiles()?;
        hives::list(self.root(), &profiles)
    }

    fn hive_root_access(&mut self, hive: &HiveRef) -> Result<HiveRootAccess, MachineError> {
        hives::root_access(self.root(), &registry::file_of(hive)?)
    }

    fn account_rights(&mut self, sid: &SidText) -> Result<Vec<String>, MachineError> {
        rights::read(self.root(), sid)
    }

    fn sids_seen(&mut self, scope: &Scope) -> Result<SidsSeen, MachineError> {
        let mut seen = SidsSeen::default();
        if let Some(files) = &scope.files {
            self.files_seen(files, &mut seen)?;
        }
        for hive in &scope.hives {
            match hives::sids_of(self.root(), &registry::file_of(hive)?) {
                Ok(found) => {
                    let named: Result<BTreeMap<SidText, SidCount>, MachineError> = found
                        .iter()
                        .map(|(sid, count)| Ok((sids::text(sid)?, *count)))
                        .collect();
                    seen.hives.insert(hive.label(), named?);
                }
                Err(error) if seen.unreadable.len() < 100 => {
                    seen.unreadable.push(error.to_string())
                }
                Err(_) => {}
            }
        }
        if let Some(scope) = &scope.areas {
            let ignored = self.area_ignored(scope)?;
            areas::read(self.root(), scope, &ignored, &mut seen)?;
        }
        if scope.profiles {
            seen.profiles = self
                .profiles()?
                .into_iter()
                .map(|profile| profile.sid)
                .collect();
        }
        if scope.groups {
            for member in self
                .local_groups()?
                .into_iter()
                .flat_map(|group| group.members)
            {
                *seen.groups.entry(member).or_default() += 1;
            }
        }
        Ok(seen)
    }

    fn reach(&mut self, target: &JoinTarget) -> Result<Reach, MachineError> {
        let Some(target) = target.active_directory() else {
            return Ok(Reach::Unknown);
        };
        Ok(kerberos::reach(target))
    }

    fn prove_join(&mut self, target: &JoinTarget) -> Result<JoinProof, MachineError> {
        let Some(target) = target.active_directory() else {
            return Err(MachineError::Unsupported {
                what: format!("prove a join of {}", target.describe()),
            });
        };
        let secret = membership::secret(self.root())?.ok_or_else(|| MachineError::Missing {
            object: "the machine secret of the device".into(),
        })?;
        kerberos::prove(&self.scratch, target, &secret)
    }

    fn prove_sign_in(&mut self, name: &str, password: &Secret) -> Result<(), MachineError> {
        account::prove(self.root(), name, password)
    }

    fn prepare(&mut self, change: &Change, cx: &mut Cx<'_>) -> Result<Before, MachineError> {
        if let Some((path, edit)) = hive_edit(change, cx)? {
            return self
                .with_place(|place| hivefile::prepare(place, &path, hives::now(), cx, &*edit));
        }
        match change {
            Change::TranslateFiles { scope, map, mode } => {
                let found = self.scan(scope)?;
                files::prepare(found, scope, map, *mode, cx)
            }
            Change::TranslateAreas { scope, map, mode } => {
                let ignored = self.area_ignored(scope)?;
                let areas = areas::Areas::new(scope, &ignored, cx.inputs.map(map)?, *mode);
                self.with_place(|place| areas::prepare(place, &areas, cx))
            }
            Change::Leave { from } => {
                let now = membership::read(self.root())?;
                if now != *from && !matches!(now, JoinState::Workgroup { .. }) {
                    return Err(MachineError::Unexpected {
                        object: "the device's membership".into(),
                        why: format!("it is in {}, not in {}", now.describe(), from.describe()),
                    });
                }
                self.small_edit(change.undo_class(), &MEMBERSHIP, json!(null))
            }
            Change::Join { .. } => self.small_edit(change.undo_class(), &MEMBERSHIP, json!(null)),
            Change::Rename { from, to } => {
                may_rename(&self.facts()?.computer_name, from, to)?;
                let spots = name::find(self.root())?;
                self.small_edit(UndoClass::Exact, &MEMBERSHIP, json!(spots))
            }
            Change::SetAccountRight { sid, right, .. } => {
                let held = rights::read(self.root(), sid)?.contains(right);
                self.small_edit(UndoClass::Exact, &["SECURITY"], json!(held))
            }
            Change::SetRegistryValue {
                hive, key, name, ..
            } => {
                let path = registry::file_of(hive)?;
                let value = guard::Value::read(self.root(), &path, key, name)?;
                let hive = path.file_name().unwrap_or_default();
                self.small_edit(UndoClass::Exact, &[hive], json!(value))
            }
            Change::MakeAdministrator { name, .. } => {
                let (plan, was) = account::prepare(self.root(), name, cx)?;
                let mut before = self.small_edit(change.undo_class(), &["SAM"], json!(plan))?;
                before.blobs.extend(was);
                Ok(before)
            }
            Change::MakeFolder { path } => {
                let exists = tree::find(self.root(), path).is_some();
                Ok(small(UndoClass::Exact, json!({ "exists": exists })))
            }
            Change::Park { path, .. } => {
                if tree::find(self.root(), path).is_none() {
                    return Err(MachineError::Missing {
                        object: path.to_string(),
                    });
                }
                Ok(small(UndoClass::Exact, json!({})))
            }
            other => Err(MachineError::Unsupported {
                what: other.describe(),
            }),
        }
    }

    fn execute(
        &mut self,
        change: &Change,
        before: &Before,
        cx: &mut Cx<'_>,
    ) -> Result<Outcome, MachineError> {
        let outcome = || Outcome {
            counts: before.counts.clone(),
            notes: before.notes.clone(),
            reboot: false,
        };
        if let Some((_, edit)) = hive_edit(change, cx)? {
            self.with_place(|place| hivefile::execute(place, before, cx, &*edit))?;
            return Ok(outcome());
        }
        let at = at(before);
        match change {
            Change::TranslateFiles { .. } => {
                return files::execute(self.root(), before, &|| self.volume.sync(), cx);
            }
            Change::TranslateAreas { scope, map, mode } => {
                let ignored = self.area_ignored(scope)?;
                let areas = areas::Areas::new(scope, &ignored, cx.inputs.map(map)?, *mode);
                self.with_place(|place| areas::execute(place, &areas, before, cx))?;
                return Ok(outcome());
            }
            Change::Leave { .. } => self.with_place(|place| membership::leave(place, at))?,
            Change::Join {
                target: JoinTarget::ActiveDirectory(target),
                secret,
            } => {
                let secret = cx.inputs.secret(secret)?;
                self.with_place(|place| membership::join(place, at, target, &secret))?;
            }
            Change::Rename { from, to } => {
                let spots = name::saved(before)?;
                self.with_place(|place| name::rename(place, at, (from, to), &spots))?;
            }
            Change::SetAccountRight { sid, right, held } => {
                self.set_right(at, sid, right, *held)?
            }
            Change::SetRegistryValue {
                hive,
                key,
                name,
                data,
            } => {
                let path = registry::file_of(hive)?;
                let wanted = data.as_ref().map(registry::data);
                self.with_place(|place| {
                    guard::set(place, &path, at, key, name, wanted.as_ref(), None)
                })?;
            }
            Change::MakeAdministrator { name, password } => {
                let password = cx.inputs.secret(password)?;
                self.with_place(|place| account::make(place, at, before, name, &password))?;
            }
            Change::MakeFolder { path } => {
                let place = tree::place(self.root(), path);
                fs::create_dir_all(&place)
                    .map_err(|error| MachineError::io(path.as_str(), &error))?;
                self.volume.sync()?;
            }
            Change::Park { path, name } => self.park(path, name)?,
            other => {
                return Err(MachineError::Unsupported {
                    what: other.describe(),
                });
            }
        }
        self.with_place(|place| hivefile::park(place, &parking(before)?))?;
        Ok(outcome())
    }

    fn revert(
        &mut self,
        change: &Change,
        before: &Before,
        cx: &mut Cx<'_>,
    ) -> Result<Undone, MachineError> {
        let undone = |objects: u64| Undone {
            objects,
            notes: Vec::new(),
        };
        if hive_edit(change, cx)?.is_some() {
            self.with_place(|place| hivefile::revert(place, before, cx))?;
            return Ok(undone(before.counts.changed));
        }
        let at = at(before);
        self.with_place(|place| hivefile::unpark(place, &parking(before)?))?;
        match change {
            Change::TranslateFiles { .. } => {
                files::revert(self.root(), before, &|| self.volume.sync(), cx)
            }
            Change::TranslateAreas { .. } => {
                self.with_place(|place| areas::revert(place, before, cx))?;
                Ok(undone(before.counts.changed))
            }
            Change::Leave { .. } => Ok(undone(0)),
            Change::Join { .. } => {
                self.with_place(|place| membership::leave(place, at))?;
                Ok(undone(1))
            }
            Change::Rename { .. } => {
                let spots = name::saved(before)?;
                self.with_place(|place| name::restore(place, at, &spots))?;
                Ok(undone(1))
            }
            Change::SetAccountRight { sid, right, .. } => {
                let held = before
                    .data
                    .get("value")
                    .and_then(serde_json::Value::as_bool)
                    .unwrap_or(false);
                self.set_right(at, sid, right, held)?;
                Ok(undone(1))
            }
            Change::SetRegistryValue {
                hive, key, name, ..
            } => {
                let path = registry::file_of(hive)?;
                let old = guard::Value::saved(before, key, name)?;
                let made_from = old.made_from.as_deref();
                self.with_place(|place| {
                    guard::set(place, &path, at, key, name, old.data().as_ref(), made_from)
                })?;
                Ok(undone(1))
            }
            Change::MakeAdministrator { name, .. } => {
                self.with_place(|place| account::take_back(place, at, before, name, cx))?;
                Ok(undone(1))
            }
            Change::MakeFolder { path } => {
                let existed = before
                    .data
                    .get("exists")
                    .and_then(serde_json::Value::as_bool)
                    .unwrap_or(true);
                if !existed && tree::find(self.root(), path).is_some() {
                    self.park(path, "made-folder")?;
                }
                Ok(undone(1))
            }
            Change::Park { path, name } => {
                let parked = tree::place(self.root(), &self.park).join(name);
                if parked.symlink_metadata().is_ok() {
                    fs::rename(&parked, tree::place(self.root(), path))
                        .map_err(|error| MachineError::io(path.as_str(), &error))?;
                    self.volume.sync()?;
                }
                Ok(undone(1))
            }
            other => Err(MachineError::Unsupported {
                what: other.describe(),
            }),
        }
    }

    fn finish(&mut self) -> Result<(), MachineError> {
        self.volume.sync()
    }
}

/// Hives that a membership, or the computer's name, is written in.
const MEMBERSHIP: [&str; 3] = ["SECURITY", "SYSTEM", "SOFTWARE"];

impl ImageMachine {
    /// The before-image of a change that edits machine hives in place: the moment that its
    /// timestamps come from, where the hives' logs go, and what it needs itself.
    fn small_edit(
        &self,
        undo: UndoClass,
        names: &[&str],
        value: serde_json::Value,
    ) -> Result<Before, MachineError> {
        let hives: Vec<WinPath> = names
            .iter()
            .map(|name| registry::config(name))
            .collect::<Result<_, _>>()?;
        let parking = self.with_place(|place| hivefile::plan_parking(place, &hives))?;
        let at = hives::now().0;
        Ok(small(
            undo,
            json!({ "at": at, "parking": parking, "value": value }),
        ))
    }

    fn set_right(
        &self,
        at: FileTime,
        sid: &SidText,
        right: &str,
        held: bool,
    ) -> Result<(), MachineError> {
        if rights::read(self.root(), sid)?
            .iter()
            .any(|have| have == right)
            == held
        {
            return Ok(());
        }
        let security = registry::config("SECURITY")?;
        self.with_place(|place| {
            hivefile::rewrite(place, &security, at, &|hive, at| {
                rights::set(hive, at, sid, right, held)
            })
        })
    }

    fn park(&self, path: &WinPath, name: &str) -> Result<(), MachineError> {
        let park = tree::place(self.root(), &self.park);
        fs::create_dir_all(&park).map_err(|error| MachineError::io(self.park.as_str(), &error))?;
        let (from, to) = (tree::place(self.root(), path), park.join(name));
        if from.symlink_metadata().is_ok() {
            fs::rename(&from, &to).map_err(|error| MachineError::io(path.as_str(), &error))?;
        } else if to.symlink_metadata().is_err() {
            return Err(MachineError::Missing {
                object: path.to_string(),
            });
        }
        self.volume.sync()
    }
}

fn at(before: &Before) -> FileTime {
    FileTime(
        before
            .data
            .get("at")
            .and_then(serde_json::Value::as_u64)
            .unwrap_or_default(),
    )
}

fn parking(before: &Before) -> Result<hivefile::Parking, MachineError> {
    match before.data.get("parking") {
        None => Ok(Vec::new()),
        Some(parking) => {
            serde_json::from_value(parking.clone()).map_err(|error| MachineError::Damaged {
                object: "the before-image of a hive edit".into(),
                why: error.to_string(),
            })
        }
    }
}
