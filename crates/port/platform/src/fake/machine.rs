//! The fake PC itself: its views, its network, its faults.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;

use super::cells::{self, FileCell, GroupCell, HiveCell, ProfileCell};
use super::disk::Disk;
use super::fuse::{Fuse, PowerFailed};
use super::membership::FakeTenant;
use super::sd;
use crate::change::{Before, Change, Outcome, Undone};
use crate::facts::{
    EntraDevice, Facts, HiveInfo, HiveRef, HiveRootAccess, HiveState, JoinState, LocalGroup,
    Profile,
};
use crate::ignored::Ignored;
use crate::join::{JoinProof, JoinTarget, Reach, Secret};
use crate::machine::{Cx, Machine, MachineError};
use crate::seen::{FileScope, Scope, SidCount, SidsSeen};
use crate::sid::SidText;

/// An in-memory PC.
pub struct FakePc {
    /// Shared with the run directory of the same test.
    pub fuse: Fuse,
    /// Its storage.
    pub disk: Disk,
    /// What it is; the boot id changes with every [`FakePc::power_on`].
    pub facts: Facts,
    /// Directories by DNS name.
    pub network: BTreeMap<String, FakeDirectory>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Entra tenants by id.
    pub tenants: BTreeMap<String, FakeTenant>,
    /// A running Windows, where a join is complete only after a restart.
    pub wants_reboot: bool,
    /// A domain was left in this boot.
    pub(super) left_domain: bool,
    /// A domain was joined in this boot.
    pub(super) joined: bool,
}

/// A directory in the fake network.
#[derive(Debug, Clone, Default)]
pub struct FakeDirectory {
    /// Answers at all.
    pub reachable: bool,
    /// Machine passwords by account name.
    pub passwords: BTreeMap<String, Vec<u8>>,
}

/// When a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// While saving before-images.
    Prepare,
    /// While changing.
    Execute,
    /// While undoing.
    Revert,
}

/// Something that goes wrong.
#[derive(Debug, Clone)]
pub struct Fault {
    /// When.
    pub phase: Phase,
    /// Strikes when the object (a path, a label, a change's description)
    /// contains this text.
    pub object: String,
    /// How.
    pub error: MachineError,
    /// How often; it is gone afterwards.
    pub times: u32,
}

impl From<PowerFailed> for MachineError {
    fn from(_: PowerFailed) -> MachineError {
        MachineError::PowerCut
    }
}

impl FakePc {
    /// An empty PC in a workgroup.
    pub fn new(fuse: Fuse, facts: Facts) -> FakePc {
        FakePc {
            disk: Disk::new(fuse.clone()),
            fuse,
            facts,
            network: BTreeMap::new(),
            faults: Vec::new(),
            tenants: BTreeMap::new(),
            wants_reboot: false,
            left_domain: false,
            joined: false,
        }
    }

    /// Power comes back: unsynced writes are lost in part, a new boot begins.
    pub fn power_on(&mut self) {
        self.disk.power_on();
        self.fuse.restore();
        self.restart();
    }

    /// An orderly restart.
    pub fn restart(&mut self) {
        let boots: u64 = self.facts.boot_id.parse().unwrap_or(0);
        self.facts.boot_id = (boots + 1).to_string();
        self.complete_rename();
        self.complete_join();
    }

    /// Everything on the disk except secrets, for comparing.
    pub fn snapshot(&self) -> BTreeMap<String, Vec<u8>> {
        let mut all = self.disk.snapshot();
        all.retain(|key, _| {
            key != "join/secret"
                && key != "join/pending-secret"
                && !key.starts_with("account-secret/")
        });
        all
    }

    pub(super) fn strike(&mut self, phase: Phase, object: &str) -> Result<(), MachineError> {
        let hit = self
            .faults
            .iter()
            .position(|fault| fault.phase == phase && object.contains(&fault.object));
        let Some(index) = hit else { return Ok(()) };
        let error = self.faults[index].error.clone();
        self.faults[index].times -= 1;
        if self.faults[index].times == 0 {
            self.faults.remove(index);
        }
        Err(error)
    }

    pub(super) fn cell<T: serde::de::DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Option<T>, MachineError> {
        self.disk
            .get(key)
            .map(|bytes| cells::read(key, bytes))
            .transpose()
    }

    pub(super) fn cells<T: serde::de::DeserializeOwned>(
        &self,
        prefix: &str,
    ) -> Result<Vec<(String, T)>, MachineError> {
        self.disk
            .list(prefix)
            .into_iter()
            .map(|(key, bytes)| {
                let value = cells::read(&key, &bytes)?;
                Ok((key[prefix.len()..].to_owned(), value))
            })
            .collect()
    }

    /// Files of `scope` with their cell key; the second list is the ignored ones.
    pub(super) fn files_in(
        &self,
        scope: &FileScope,
    ) -> Result<(Vec<(String, FileCell)>, u64), MachineError> {
        let ignored = Ignored::compile(
            scope.ignored.iter().map(String::as_str),
            &self.facts.folders,
        );
        let mut inside = Vec::new();
        let mut left_alone = 0;
        for (id, file) in self.cells::<FileCell>("file/")? {
            let wanted = scope.roots.is_empty()
                || file
                    .names
                    .iter()
                    .any(|name| scope.roots.iter().any(|root| name.is_under(root)));
            if !wanted {
                continue;
            }
            if file.names.iter().any(|name| ignored.matches(name)) {
                left_alone += 1;
            } else {
                inside.push((format!("file/{id}"), file));
            }
        }
        Ok((inside, left_alone))
    }

    fn hive_cell(&self, hive: &HiveRef) -> Result<HiveCell, MachineError> {
        let key = format!("hive/{}", hive.label());
        self.cell(&key)?.ok_or(MachineError::Missing {
            object: hive.label(),
        })
    }
}

fn parse_sid(text: &str) -> Result<SidText, MachineError> {
    text.parse()
        .map_err(|error: crate::BadSid| MachineError::Damaged {
            object: text.to_owned(),
            why: error.to_string(),
        })
}

fn hive_ref(label: &str) -> Result<HiveRef, MachineError> {
    match label {
        "SOFTWARE" => Ok(HiveRef::Software),
        "SYSTEM" => Ok(HiveRef::System),
        file => Ok(HiveRef::User {
            file: file
                .parse()
                .map_err(|error: crate::BadPath| MachineError::Damaged {
                    object: label.to_owned(),
                    why: error.to_string(),
                })?,
        }),
    }
}

impl Machine for FakePc {
    fn facts(&mut self) -> Result<Facts, MachineError> {
        let mut facts = self.facts.clone();
        facts.computer_name = self.next_name()?;
        facts.pending.extend(self.pending_rename()?);
        Ok(facts)
    }

    fn join_state(&mut self) -> Result<JoinState, MachineError> {
        let state: Option<JoinState> = self.cell("join/state")?;
        Ok(match state {
            // Windows keeps no account name: a member is called what it is called.
            Some(JoinState::ActiveDirectory(mut ad)) => {
                ad.account_name = format!("{}$", self.next_name()?);
                JoinState::ActiveDirectory(ad)
            }
            Some(state) => state,
            None => JoinState::Workgroup {
                name: "WORKGROUP".to_owned(),
            },
        })
    }

    fn profiles(&mut self) -> Result<Vec<Profile>, MachineError> {
        self.cells::<ProfileCell>("profile/")?
            .into_iter()
            .map(|(sid, cell)| {
                Ok(Profile {
                    sid: parse_sid(&sid)?,
                    path: cell.path,
                    loaded: cell.loaded,
                    last_use: DateTime::from_timestamp(cell.last_use, 0),
                    state: cell.state,
                    health: cell.health,
                })
            })
            .collect()
    }

    fn local_groups(&mut self) -> Result<Vec<LocalGroup>, MachineError> {
        self.cells::<GroupCell>("group/")?
            .into_iter()
            .map(|(sid, mut cell)| {
                cell.members.sort();
                Ok(LocalGroup {
                    sid: parse_sid(&sid)?,
                    name: cell.name,
                    members: cell.members,
                })
            })
            .collect()
    }

    fn hives(&mut self) -> Result<Vec<HiveInfo>, MachineError> {
        let mut out = Vec::new();
        for (label, cell) in self.cells::<HiveCell>("hive/")? {
            out.push(HiveInfo {
                hive: hive_ref(&label)?,
                profile: cell.profile,
                owner_needs_root: cell.owner_needs_root,
                loaded: false,
                state: match cell.refused {
                    Some(because) => HiveState::Refused { because },
                    None => HiveState::Clean,
                },
                bytes: cell.sks.iter().map(|sk| sk.sd.len() as u64).sum(),
            });
        }
        out.sort_by(|a, b| a.hive.cmp(&b.hive));
        Ok(out)
    }

    fn hive_root_access(&mut self, hive: &HiveRef) -> Result<HiveRootAccess, MachineError> {
        let cell = self.hive_cell(hive)?;
        let root = cell.sks.first().ok_or(MachineError::Damaged {
            object: hive.label(),
            why: "it has no security cell".to_owned(),
        })?;
        sd::root_access(&root.sd)
    }

    fn account_rights(&mut self, sid: &SidText) -> Result<Vec<String>, MachineError> {
        Ok(self.cell(&format!("right/{sid}"))?.unwrap_or_default())
    }

    fn sids_seen(&mut self, scope: &Scope) -> Result<SidsSeen, MachineError> {
        let mut seen = SidsSeen::default();
        if let Some(files) = &scope.files {
            for (key, file) in self.files_in(files)?.0 {
                tally(&mut seen.files, &mut seen.unreadable, &key, &file.sd);
            }
        }
        for hive in &scope.hives {
            let mut counts = BTreeMap::new();
            for sk in &self.hive_cell(hive)?.sks {
                tally(&mut counts, &mut seen.unreadable, &hive.label(), &sk.sd);
            }
            seen.hives.insert(hive.label(), counts);
        }
        if scope.profiles {
            seen.profiles = self.profiles()?.into_iter().map(|p| p.sid).collect();
        }
        if scope.groups {
            for group in self.local_groups()? {
                let members: BTreeSet<SidText> = group.members.into_iter().collect();
                for member in members {
                    *seen.groups.entry(member).or_default() += 1;
                }
            }
        }
        if let Some(areas) = &scope.areas {
            self.areas_seen(areas, &mut seen)?;
        }
        Ok(seen)
    }

    fn reach(&mut self, target: &JoinTarget) -> Result<Reach, MachineError> {
        let ad = match target {
            JoinTarget::ActiveDirectory(ad) => ad,
            // Without a controller at hand there is nobody to ask.
            JoinTarget::ActiveDirectoryOffline(_) => return Ok(Reach::Unknown),
            JoinTarget::Entra(entra) => {
                return Ok(match self.tenants.get(&entra.tenant_id) {
                    Some(tenant) if tenant.reachable => Reach::Yes {
                        server: entra.domain.clone(),
                    },
                    _ => Reach::No {
                        because: "the tenant did not answer".to_owned(),
                    },
                });
            }
        };
        Ok(match self.network.get(&ad.dns_name) {
            Some(directory) if directory.reachable => Reach::Yes {
                server: format!("dc1.{}", ad.dns_name),
            },
            _ => Reach::No {
                because: "no controller answered".to_owned(),
            },
        })
    }

    fn prove_join(&mut self, target: &JoinTarget) -> Result<JoinProof, MachineError> {
        if self.joined {
            return Err(MachineError::Unexpected {
                object: "secure channel".to_owned(),
                why: "the device has not restarted since it joined".to_owned(),
            });
        }
        let ad = match target {
            JoinTarget::ActiveDirectory(ad) | JoinTarget::ActiveDirectoryOffline(ad) => ad,
            JoinTarget::Entra(entra) => {
                let device = self.entra_proof(&entra.tenant_id)?;
                return Ok(JoinProof {
                    principal: device,
                    server: entra.domain.clone(),
                    method: "simulated device key".to_owned(),
                });
            }
        };
        let JoinState::ActiveDirectory(own) = self.join_state()? else {
            return Err(MachineError::Unexpected {
                object: "join state".to_owned(),
                why: "the device is in no domain".to_owned(),
            });
        };
        let directory = self
            .network
            .get(&ad.dns_name)
            .filter(|directory| directory.reachable)
            .ok_or_else(|| MachineError::Network {
                target: ad.dns_name.clone(),
                why: "no controller answered".to_owned(),
            })?;
        let secret = self.disk.get("join/secret");
        if own.dns_name != ad.dns_name
            || secret.is_none()
            || directory
                .passwords
                .get(&own.account_name)
                .map(Vec::as_slice)
                != secret
        {
            return Err(MachineError::Refused {
                target: ad.dns_name.clone(),
                why: format!("{} is not accepted", own.account_name),
            });
        }
        Ok(JoinProof {
            principal: format!("{}@{}", own.account_name, own.dns_name.to_uppercase()),
            server: format!("dc1.{}", ad.dns_name),
            method: "simulated".to_owned(),
        })
    }

    fn restarts(&mut self) -> bool {
        self.wants_reboot
    }

    fn registration(&mut self) -> Result<Option<EntraDevice>, MachineError> {
        self.entra_registration()
    }

    fn enrolments(&mut self) -> Result<Vec<String>, MachineError> {
        let keys = self.disk.list("mdm/").into_iter();
        Ok(keys
            .map(|(key, _)| key["mdm/".len()..].to_owned())
            .collect())
    }

    fn prove_sign_in(&mut self, name: &str, password: &Secret) -> Result<(), MachineError> {
        self.local_sign_in(name, password.expose())
    }

    fn prepare(&mut self, change: &Change, cx: &mut Cx<'_>) -> Result<Before, MachineError> {
        self.strike(Phase::Prepare, &change.describe())?;
        self.prepare_change(change, cx)
    }

    fn execute(
        &mut self,
        change: &Change,
        before: &Before,
        cx: &mut Cx<'_>,
    ) -> Result<Outcome, MachineError> {
        self.strike(Phase::Execute, &change.describe())?;
        self.execute_change(change, before, cx)?;
        self.disk.sync()?;
        Ok(Outcome {
            counts: before.counts.clone(),
            notes: before.notes.clone(),
            reboot: self.wants_reboot && matches!(change, Change::Join { .. }),
        })
    }

    fn revert(
        &mut self,
        change: &Change,
        before: &Before,
        cx: &mut Cx<'_>,
    ) -> Result<Undone, MachineError> {
        self.strike(Phase::Revert, &change.describe())?;
        self.revert_change(change, before, cx)?;
        self.disk.sync()?;
        Ok(Undone {
            objects: before.counts.changed,
            notes: Vec::new(),
        })
    }

    fn finish(&mut self) -> Result<(), MachineError> {
        Ok(())
    }
}

fn tally(
    counts: &mut BTreeMap<SidText, SidCount>,
    unreadable: &mut Vec<String>,
    object: &str,
    bytes: &[u8],
) {
    match sd::count(bytes) {
        Ok(found) => {
            for (sid, count) in found {
                counts.entry(sid).or_default().add(&count);
            }
        }
        Err(_) => unreadable.push(object.to_owned()),
    }
}
