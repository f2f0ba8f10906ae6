//! Directories as the fake PC sees them: leaving, joining, what a restart
//! completes, and the local account that is left when there is none.
//!
//! A PC with [`FakePc::wants_reboot`] is a running Windows: a join counts only
//! after a restart, packages and blobs are worked off while it starts, and a
//! package is not installed before the domain is really gone.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::cells::{self, GroupCell};
use super::changes::Image;
use super::machine::FakePc;
use crate::change::{Before, Change};
use crate::facts::{AdMembership, EntraDevice, JoinState};
use crate::join::{AdTarget, JoinTarget};
use crate::machine::{Cx, Machine, MachineError};
use crate::sid::SidText;

/// An Entra tenant in the fake network.
#[derive(Debug, Clone, Default)]
pub struct FakeTenant {
    /// Answers at all.
    pub reachable: bool,
    /// Bulk enrolment tokens that are good.
    pub tokens: BTreeSet<Vec<u8>>,
    /// Device keys by device id.
    pub devices: BTreeMap<String, Vec<u8>>,
    /// Devices ever registered: ids are never used twice.
    pub registered: u64,
}

/// `account/<name>`: a local account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountCell {
    /// Its SID.
    pub sid: SidText,
    /// May sign in.
    pub enabled: bool,
}

const STATE: &str = "join/state";
const SECRET: &str = "join/secret";
const PENDING: &str = "join/pending";
const PENDING_SECRET: &str = "join/pending-secret";
const REGISTRATION: &str = "join/registration";

fn workgroup() -> JoinState {
    JoinState::Workgroup {
        name: "WORKGROUP".to_owned(),
    }
}

fn member(ad: &AdTarget) -> JoinState {
    JoinState::ActiveDirectory(AdMembership {
        dns_name: ad.dns_name.clone(),
        netbios_name: ad.netbios_name.clone(),
        domain_sid: ad.domain_sid.clone(),
        machine_sid: ad.machine_sid.clone(),
        account_name: ad.account_name.clone(),
    })
}

fn unexpected(why: impl Into<String>) -> MachineError {
    MachineError::Unexpected {
        object: "join state".to_owned(),
        why: why.into(),
    }
}

fn account_key(name: &str) -> String {
    format!("account/{name}")
}

fn administrators() -> String {
    format!("group/{}", SidText::ADMINISTRATORS)
}

impl FakePc {
    /// Cells that one of this module's changes touches.
    pub(super) fn membership_keys(&self, change: &Change) -> Option<Vec<String>> {
        Some(match change {
            Change::Leave { .. } => vec![STATE.to_owned()],
            Change::Join { .. } => {
                let enrolments = self.disk.list("mdm/").into_iter().map(|(key, _)| key);
                // Not the old secret: it is not kept.
                std::iter::once(STATE.to_owned())
                    .chain(enrolments)
                    .collect()
            }
            Change::Unregister { .. } => vec![REGISTRATION.to_owned()],
            Change::ClearEnrolments { ids } => ids
                .iter()
                .flat_map(|id| [format!("mdm/{id}"), format!("parked/mdm/{id}")])
                .collect(),
            Change::SetTask { task, .. } => vec![format!("task/{task}")],
            Change::MakeAdministrator { name, .. } => vec![account_key(name), administrators()],
            _ => return None,
        })
    }

    /// The same cells afterwards, as far as they can be told ahead.
    pub(super) fn membership_after(
        &mut self,
        change: &Change,
        after: &mut Image,
    ) -> Result<(), MachineError> {
        match change {
            Change::Leave { from } => {
                let now = self.join_state()?;
                if now != *from && !matches!(now, JoinState::Workgroup { .. }) {
                    return Err(unexpected(format!(
                        "expected {}, found {}",
                        from.describe(),
                        now.describe()
                    )));
                }
                after.insert(STATE.to_owned(), Some(cells::write(STATE, &workgroup())?));
            }
            Change::Join { target, .. } => {
                let state = match target {
                    JoinTarget::ActiveDirectory(ad) | JoinTarget::ActiveDirectoryOffline(ad) => {
                        member(ad)
                    }
                    JoinTarget::Entra(entra) => JoinState::Entra {
                        tenant_id: entra.tenant_id.clone(),
                        device_id: String::new(),
                    },
                };
                after.insert(STATE.to_owned(), Some(cells::write(STATE, &state)?));
            }
            Change::Unregister { from } => {
                let now = self.registration()?;
                if now.as_ref().is_some_and(|now| now != from) {
                    return Err(unexpected("another registration was found"));
                }
                after.insert(REGISTRATION.to_owned(), None);
            }
            Change::ClearEnrolments { ids } => {
                for id in ids {
                    let old = after.insert(format!("mdm/{id}"), None).flatten();
                    if old.is_some() {
                        after.insert(format!("parked/mdm/{id}"), old);
                    }
                }
            }
            Change::SetTask { task, enabled } => {
                let key = format!("task/{task}");
                if after.get(&key).is_some_and(Option::is_some) {
                    let value = cells::write(&key, enabled)?;
                    after.insert(key, Some(value));
                }
            }
            Change::MakeAdministrator { name, .. } => {
                let key = account_key(name);
                let account = AccountCell {
                    sid: match after.get(&key).and_then(Option::as_ref) {
                        Some(bytes) => cells::read::<AccountCell>(&key, bytes)?.sid,
                        // Repeated: the account that was made is the one.
                        None => match self.cell::<AccountCell>(&key)? {
                            Some(made) => made.sid,
                            None => self.next_account()?,
                        },
                    },
                    enabled: true,
                };
                after.insert(key.clone(), Some(cells::write(&key, &account)?));
                let key = administrators();
                if let Some(Some(bytes)) = after.get(&key) {
                    let mut group: GroupCell = cells::read(&key, bytes)?;
                    if !group.members.contains(&account.sid) {
                        group.members.push(account.sid);
                    }
                    after.insert(key.clone(), Some(cells::write(&key, &group)?));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn next_account(&self) -> Result<SidText, MachineError> {
        let text = format!(
            "S-1-5-21-77-88-99-{}",
            1001 + self.disk.list("account/").len()
        );
        text.parse()
            .map_err(|error: crate::BadSid| unexpected(error.to_string()))
    }

    /// Makes one of this module's changes; `false` when it is another one.
    pub(super) fn membership_execute(
        &mut self,
        change: &Change,
        before: &Image,
        cx: &mut Cx<'_>,
    ) -> Result<bool, MachineError> {
        match change {
            // The state changes first and the secret goes last: a device that
            // says it belongs somewhere can always prove it.
            Change::Leave { from } => {
                let mut after = before.clone();
                self.membership_after(change, &mut after)?;
                self.put_state(&workgroup())?;
                self.disk.put(SECRET, None)?;
                self.left_domain |= matches!(from, JoinState::ActiveDirectory(_));
            }
            Change::Join { target, secret } => {
                let secret = cx.inputs.secret(secret)?;
                self.join(target, secret.expose())?;
            }
            Change::MakeAdministrator { name, password } => {
                let password = cx.inputs.secret(password)?;
                let mut after = before.clone();
                self.membership_after(change, &mut after)?;
                let key = format!("account-secret/{name}");
                self.disk.put(&key, Some(password.expose().to_vec()))?;
                self.put_all(after)?;
            }
            Change::Unregister { .. } | Change::ClearEnrolments { .. } | Change::SetTask { .. } => {
                let mut after = before.clone();
                self.membership_after(change, &mut after)?;
                self.put_all(after)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn put_state(&mut self, state: &JoinState) -> Result<(), MachineError> {
        self.disk.put(STATE, Some(cells::write(STATE, state)?))?;
        self.disk.sync()?;
        Ok(())
    }

    fn join(&mut self, target: &JoinTarget, secret: &[u8]) -> Result<(), MachineError> {
        if target.holds(&self.join_state()?) && !matches!(target, JoinTarget::ActiveDirectory(_)) {
            return Ok(());
        }
        match target {
            JoinTarget::ActiveDirectory(ad) => {
                self.disk.put(SECRET, Some(secret.to_vec()))?;
                self.disk.sync()?;
                self.put_state(&member(ad))?;
                self.joined = self.wants_reboot;
                return Ok(());
            }
            JoinTarget::ActiveDirectoryOffline(_) => {}
            JoinTarget::Entra(_) => {
                if self.wants_reboot && self.left_domain {
                    return Err(unexpected(
                        "a package needs a restart after a domain was left",
                    ));
                }
                if self.registration()?.is_some() {
                    return Err(unexpected("an orphaned registration is in the way"));
                }
                if !self.enrolments()?.is_empty() {
                    return Err(unexpected("0x8018000a: the device is enrolled already"));
                }
            }
        }
        self.disk.put(PENDING_SECRET, Some(secret.to_vec()))?;
        self.disk.sync()?;
        self.disk
            .put(PENDING, Some(cells::write(PENDING, target)?))?;
        self.disk.sync()?;
        if !self.wants_reboot {
            self.complete_join();
        }
        Ok(())
    }

    /// What starting Windows does with a blob or a package. It fails the way
    /// packages do: silently.
    pub(super) fn complete_join(&mut self) {
        self.left_domain = false;
        self.joined = false;
        let pending: Option<JoinTarget> = self.cell(PENDING).ok().flatten();
        let secret = self.disk.get(PENDING_SECRET).map(<[u8]>::to_vec);
        let done = match (pending, secret) {
            (Some(JoinTarget::Entra(entra)), Some(token)) => {
                self.register(&entra.tenant_id, &token)
            }
            (Some(target), Some(secret)) => {
                target.active_directory().map(|ad| (member(ad), secret))
            }
            _ => return,
        };
        if let Some((state, secret)) = done
            && let Ok(bytes) = cells::write(STATE, &state)
        {
            self.disk.seed(SECRET, Some(secret));
            self.disk.seed(STATE, Some(bytes));
            if let JoinState::Entra { tenant_id, .. } = &state {
                let key = format!("mdm/{tenant_id}");
                self.disk.seed(&key, Some(b"\"enrolled\"".to_vec()));
            }
        }
        self.disk.seed(PENDING, None);
        self.disk.seed(PENDING_SECRET, None);
    }

    fn register(&mut self, tenant_id: &str, token: &[u8]) -> Option<(JoinState, Vec<u8>)> {
        let tenant = self.tenants.get_mut(tenant_id)?;
        if !tenant.reachable || !tenant.tokens.contains(token) {
            return None;
        }
        tenant.registered += 1;
        let device_id = format!("{tenant_id}-device-{}", tenant.registered);
        let key = format!("key of {device_id}").into_bytes();
        tenant.devices.insert(device_id.clone(), key.clone());
        let state = JoinState::Entra {
            tenant_id: tenant_id.to_owned(),
            device_id,
        };
        Some((state, key))
    }

    /// Takes back one of this module's changes; `false` when it is another one.
    pub(super) fn membership_revert(
        &mut self,
        change: &Change,
        before: &Before,
        old: impl FnOnce(&Before) -> Result<Image, MachineError>,
    ) -> Result<bool, MachineError> {
        match change {
            // Coming back is a join; Windows registers by itself.
            Change::Leave { .. } | Change::Unregister { .. } => {}
            Change::Join { .. } => {
                let image = old(before)?;
                // First what a restart would still complete.
                self.disk.put(PENDING, None)?;
                self.disk.put(PENDING_SECRET, None)?;
                self.disk.sync()?;
                self.left_domain |= matches!(self.join_state()?, JoinState::ActiveDirectory(_));
                self.put_state(&workgroup())?;
                self.disk.put(SECRET, None)?;
                self.joined = false;
                for (key, value) in self.disk.list("mdm/") {
                    if !image.contains_key(&key) {
                        self.disk.put(&format!("parked/{key}"), Some(value))?;
                        self.disk.sync()?;
                        self.disk.put(&key, None)?;
                    }
                }
            }
            Change::ClearEnrolments { ids } => {
                let mut image = old(before)?;
                let newer = self.disk.list("mdm/").into_iter().any(|(key, _)| {
                    !image.contains_key(&key)
                        || self.disk.get(&key) != image.get(&key).and_then(Option::as_deref)
                });
                if newer {
                    return Ok(true);
                }
                for id in ids {
                    let key = format!("mdm/{id}");
                    let value = image.remove(&key).flatten();
                    self.disk.put(&key, value)?;
                    self.disk.sync()?;
                    self.disk.put(&format!("parked/{key}"), None)?;
                }
            }
            Change::MakeAdministrator { name, .. } => {
                let image = old(before)?;
                let (key, group) = (account_key(name), administrators());
                let Some(mut account) = self.cell::<AccountCell>(&key)? else {
                    return Ok(true);
                };
                if let Some(Some(bytes)) = image.get(&key) {
                    account = cells::read(&key, bytes)?;
                } else {
                    account.enabled = false;
                }
                let was_member = match image.get(&group).and_then(Option::as_ref) {
                    Some(bytes) => cells::read::<GroupCell>(&group, bytes)?
                        .members
                        .contains(&account.sid),
                    None => false,
                };
                let mut after = Image::from([(key.clone(), Some(cells::write(&key, &account)?))]);
                if let Some(mut cell) = self.cell::<GroupCell>(&group)?
                    && !was_member
                {
                    cell.members.retain(|member| *member != account.sid);
                    after.insert(group.clone(), Some(cells::write(&group, &cell)?));
                }
                self.put_all(after)?;
            }
            Change::SetTask { .. } => self.put_all(old(before)?)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn entra_registration(&self) -> Result<Option<EntraDevice>, MachineError> {
        self.cell(REGISTRATION)
    }

    /// Whether `name` may sign in with `password`.
    pub(super) fn local_sign_in(&self, name: &str, password: &[u8]) -> Result<(), MachineError> {
        let refused = |why: &str| MachineError::Refused {
            target: name.to_owned(),
            why: why.to_owned(),
        };
        let account: AccountCell = self
            .cell(&account_key(name))?
            .ok_or_else(|| refused("there is no such account"))?;
        let group: Option<GroupCell> = self.cell(&administrators())?;
        if !group.is_some_and(|group| group.members.contains(&account.sid)) {
            return Err(refused("it is no administrator"));
        }
        if !account.enabled {
            return Err(refused("it is switched off"));
        }
        let rights: Vec<String> = self
            .cell(&format!("right/{}", account.sid))?
            .unwrap_or_default();
        if rights.iter().any(|right| right.contains("Deny")) {
            return Err(refused("a guard keeps it out"));
        }
        match self.disk.get(&format!("account-secret/{name}")) == Some(password) {
            true => Ok(()),
            false => Err(refused("the password is wrong")),
        }
    }

    /// Asks a tenant whether the device's key is one it knows.
    pub(super) fn entra_proof(&mut self, tenant_id: &str) -> Result<String, MachineError> {
        let JoinState::Entra {
            tenant_id: own,
            device_id,
        } = self.join_state()?
        else {
            return Err(unexpected("the device is in no tenant"));
        };
        let tenant = self
            .tenants
            .get(tenant_id)
            .filter(|tenant| tenant.reachable)
            .ok_or_else(|| MachineError::Network {
                target: tenant_id.to_owned(),
                why: "the tenant did not answer".to_owned(),
            })?;
        let key = self.disk.get(SECRET);
        if own != tenant_id
            || key.is_none()
            || tenant.devices.get(&device_id).map(Vec::as_slice) != key
        {
            return Err(MachineError::Refused {
                target: tenant_id.to_owned(),
                why: format!("the key of device {device_id:?} is not accepted"),
            });
        }
        Ok(device_id)
    }
}
