//! Two domains in memory: `dc1.source.test` and `dc1.target.test`.

use gw_directory::{
    AccountError, AccountFacts, AccountOrigin, BoxFuture, ComputerAccounts, ComputerName,
    ConnectionReport, ConnectionSettings, DirectoryError, DirectoryReader, DomainFacts, Enabled,
    ImportPage, ImportRequest, ImportSink, ImportSummary, ImportedObject, PrepareRequest,
    PreparedAccount, ResetAccount, ResetProof, ResetVerdict, ReusePolicy, Secret,
};
use gw_model::{DirectoryKind, Guid, ObjectKind};
use gw_secdesc::Sid;
use gw_services::Connectors;
use std::{collections::BTreeMap, sync::Mutex};
use uuid::Uuid;

#[derive(Default)]
pub struct FakeDirectories {
    domains: Mutex<BTreeMap<String, Domain>>,
    /// What was done to accounts, with the account that signed in.
    pub done: Mutex<Vec<String>>,
    /// The next preparation is refused with these words.
    pub refuse: Mutex<bool>,
    /// So many names to come are somebody else's; those that were asked for.
    pub taken: Mutex<(u32, Vec<String>)>,
}

#[derive(Default, Clone)]
struct Domain {
    number: u32,
    objects: Vec<ImportedObject>,
}

pub const MACHINE_SECRET: &str = "machine-secret-of-120-characters";

impl Domain {
    fn sid(&self, rid: u32) -> Sid {
        format!("S-1-5-21-{n}-{n}-{n}-{rid}", n = self.number)
            .parse()
            .unwrap()
    }
}

impl FakeDirectories {
    /// Adds an account to the domain of a host; its SID.
    pub fn add(&self, host: &str, kind: ObjectKind, name: &str) -> Sid {
        let mut domains = self.domains.lock().unwrap();
        let number = u32::try_from(domains.len()).unwrap() + 1;
        let domain = domains.entry(host.into()).or_insert(Domain {
            number,
            objects: vec![],
        });
        let rid = 1000 + u32::try_from(domain.objects.len()).unwrap();
        let sid = domain.sid(rid);
        let dns = host.split_once('.').unwrap().1;
        let computer = kind == ObjectKind::Computer;
        domain.objects.push(ImportedObject {
            kind,
            guid: Guid(Uuid::from_u128(
                u128::from(domain.number) << 64 | u128::from(rid),
            )),
            sid: Some(sid.clone()),
            sid_history: vec![],
            account_name: if computer {
                format!("{name}$")
            } else {
                name.into()
            },
            display_name: Some(name.into()),
            upn: (kind == ObjectKind::User).then(|| format!("{name}@{dns}")),
            mail: None,
            dn: format!("CN={name},DC={}", dns.replace('.', ",DC=")),
            enabled: true,
            dns_host_name: computer.then(|| format!("{name}.{dns}")),
            operating_system: computer.then(|| "Windows 11 Pro".into()),
            usn_changed: None,
            attributes: BTreeMap::new(),
        });
        sid
    }

    pub fn rename(&self, host: &str, name: &str, to: &str) {
        let mut domains = self.domains.lock().unwrap();
        for object in &mut domains.get_mut(host).unwrap().objects {
            if object.account_name == name {
                object.account_name = to.into();
            }
        }
    }

    pub fn remove(&self, host: &str, names: &dyn Fn(&str) -> bool) {
        let mut domains = self.domains.lock().unwrap();
        domains
            .get_mut(host)
            .unwrap()
            .objects
            .retain(|object| !names(&object.account_name));
    }

    fn domain(&self, host: &str) -> Domain {
        self.domains
            .lock()
            .unwrap()
            .get(host)
            .cloned()
            .unwrap_or_default()
    }

    fn facts_of(&self, host: &str) -> DomainFacts {
        let domain = self.domain(host);
        let dns = host.split_once('.').unwrap().1.to_owned();
        DomainFacts {
            netbios_name: dns.split('.').next().unwrap().to_uppercase(),
            realm: dns.to_uppercase(),
            dn: format!("DC={}", dns.replace('.', ",DC=")),
            sid: format!("S-1-5-21-{n}-{n}-{n}", n = domain.number)
                .parse()
                .unwrap(),
            guid: Guid(Uuid::from_u128(u128::from(domain.number))),
            forest: dns.clone(),
            dns_name: dns,
            dc_host: host.into(),
            dc_guid: None,
            site: None,
            server_time_unix: 0,
            highest_usn: None,
            machine_account_quota: Some(10),
        }
    }
}

impl Connectors for FakeDirectories {
    fn reader(&self, kind: DirectoryKind) -> Option<&dyn DirectoryReader> {
        (kind == DirectoryKind::ActiveDirectory).then_some(self)
    }
    fn accounts(&self, kind: DirectoryKind) -> Option<&dyn ComputerAccounts> {
        (kind == DirectoryKind::ActiveDirectory).then_some(self)
    }
}

impl DirectoryReader for FakeDirectories {
    fn test_connection<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
    ) -> BoxFuture<'a, ConnectionReport> {
        Box::pin(async move {
            let mut report = ConnectionReport::new();
            report.facts = Some(self.facts_of(&settings.host));
            for name in gw_directory::CheckName::ALL {
                report.passed(name, "fine");
            }
            report
        })
    }

    fn facts<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
    ) -> BoxFuture<'a, Result<DomainFacts, DirectoryError>> {
        Box::pin(async move { Ok(self.facts_of(&settings.host)) })
    }

    fn import<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        request: &'a ImportRequest,
        sink: &'a mut dyn ImportSink,
    ) -> BoxFuture<'a, Result<ImportSummary, DirectoryError>> {
        Box::pin(async move {
            let domain = self.domain(&settings.host);
            let mut counts = BTreeMap::new();
            for kind in &request.kinds {
                let all: Vec<_> = domain
                    .objects
                    .iter()
                    .filter(|object| object.kind == *kind)
                    .cloned()
                    .collect();
                counts.insert(*kind, all.len() as u64);
                for (number, objects) in (0..).zip(all.chunks(1000)) {
                    let page = ImportPage {
                        kind: *kind,
                        number,
                        objects: objects.to_vec(),
                    };
                    sink.page(page).await.map_err(DirectoryError::from)?;
                }
            }
            Ok(ImportSummary {
                facts: self.facts_of(&settings.host),
                counts,
                unusable: vec![],
            })
        })
    }

    fn members<'a>(
        &'a self,
        _settings: &'a ConnectionSettings,
        _group: Guid,
    ) -> BoxFuture<'a, Result<Vec<String>, DirectoryError>> {
        Box::pin(async move { Ok(vec![]) })
    }
}

impl ComputerAccounts for FakeDirectories {
    fn prepare_account<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        request: &'a PrepareRequest,
    ) -> BoxFuture<'a, Result<PreparedAccount, AccountError>> {
        Box::pin(async move {
            if *self.refuse.lock().unwrap() {
                return Err(AccountError::NoRightToCreate {
                    account: settings.bind.account.clone(),
                    ou: "OU=x".into(),
                });
            }
            let name = request.name.as_str().to_owned();
            let domain = self.domain(&settings.host);
            let held = domain
                .objects
                .iter()
                .find(|object| object.account_name == format!("{name}$"))
                .cloned();
            let other = held
                .as_ref()
                .is_some_and(|held| request.resume != Some(held.guid));
            let taken = {
                let mut taken = self.taken.lock().unwrap();
                taken.1.push(name.clone());
                let next = taken.0.checked_sub(1);
                taken.0 = next.unwrap_or(0);
                next.is_some()
            };
            if taken || (other && request.reuse == ReusePolicy::Never) {
                return Err(AccountError::Exists {
                    account: format!("{name}$"),
                    dn: format!("CN={name}"),
                });
            }
            let (guid, sid) = match held {
                Some(object) => (object.guid, object.sid.unwrap()),
                None => {
                    let sid = self.add(&settings.host, ObjectKind::Computer, &name);
                    let domain = self.domain(&settings.host);
                    (domain.objects.last().unwrap().guid, sid)
                }
            };
            self.done.lock().unwrap().push(format!(
                "prepare {name} as {} {}",
                settings.bind.account,
                settings.bind.password.expose()
            ));
            Ok(PreparedAccount {
                dn: format!("CN={name}"),
                guid,
                sid,
                account_name: format!("{name}$"),
                password: Secret::new(MACHINE_SECRET),
                key_version: Some(2),
                pwd_last_set_unix: None,
                dc_host: settings.host.clone(),
                origin: AccountOrigin::Created,
                notes: vec![],
            })
        })
    }

    fn reset_password<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        account: Guid,
    ) -> BoxFuture<'a, Result<ResetAccount, AccountError>> {
        Box::pin(async move {
            let domain = self.domain(&settings.host);
            let object = domain.objects.iter().find(|object| object.guid == account);
            let object = object.ok_or(AccountError::NotFound {
                account: account.to_string(),
            })?;
            self.done.lock().unwrap().push(format!(
                "reset {} as {}",
                object.account_name, settings.bind.account
            ));
            Ok(ResetAccount {
                dn: object.dn.clone(),
                sid: object.sid.clone().unwrap(),
                account_name: object.account_name.clone(),
                password: Secret::new(format!("fresh {MACHINE_SECRET}")),
                key_version: Some(3),
                pwd_last_set_unix: None,
                dc_host: settings.host.clone(),
            })
        })
    }

    fn may_reset<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        account: Guid,
    ) -> BoxFuture<'a, Result<ResetProof, AccountError>> {
        Box::pin(async move {
            let domain = self.domain(&settings.host);
            let object = domain.objects.iter().find(|object| object.guid == account);
            let object = object.ok_or(AccountError::NotFound {
                account: account.to_string(),
            })?;
            Ok(ResetProof {
                dn: object.dn.clone(),
                sid: object.sid.clone().unwrap(),
                verdict: ResetVerdict::Granted {
                    to: "S-1-5-32-544".parse().unwrap(),
                },
                dc_host: settings.host.clone(),
                read_at_unix: 0,
                pwd_last_set_unix: None,
            })
        })
    }

    fn set_enabled<'a>(
        &'a self,
        _settings: &'a ConnectionSettings,
        _account: Guid,
        _enabled: Enabled,
    ) -> BoxFuture<'a, Result<(), AccountError>> {
        Box::pin(async move { Ok(()) })
    }

    fn find_account<'a>(
        &'a self,
        _settings: &'a ConnectionSettings,
        _name: &'a ComputerName,
    ) -> BoxFuture<'a, Result<Option<AccountFacts>, AccountError>> {
        Box::pin(async move { Ok(None) })
    }
}
