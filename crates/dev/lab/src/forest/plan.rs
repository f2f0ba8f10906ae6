//! What is in the two forests, decided before anything is made, so that scenarios and checkers can
//! ask who matches whom without asking the directories.
//!
//! INVARIANT: the same numbers give the same plan; it is the cache's key. Domain SIDs are fixed and
//! objects are added in the plan's order, so RIDs are the same in every build, too.

use super::people::{Band, PEOPLE, TARGET_ONLY, band, source_user, target_user};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Both forests and how their objects belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForestPlan {
    /// `source.test`.
    pub source: DomainPlan,
    /// `target.test`.
    pub target: DomainPlan,
    /// Who belongs to whom when matched by `employeeID`.
    pub matches: Matches,
}

/// One forest with one domain and one controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainPlan {
    /// `source` or `target`: also the folder's name.
    pub side: String,
    /// `source.test`.
    pub dns_name: String,
    /// `SOURCE`.
    pub netbios_name: String,
    /// `DC=source,DC=test`.
    pub dn: String,
    /// The domain's SID.
    pub domain_sid: String,
    /// Further organisational units, parents first.
    pub ous: Vec<String>,
    /// Service accounts.
    pub services: Vec<ServicePlan>,
    /// People.
    pub users: Vec<UserPlan>,
    /// Security groups.
    pub groups: Vec<GroupPlan>,
    /// Computers.
    pub computers: Vec<ComputerPlan>,
    /// Mail contacts: they are in a group but are no account.
    pub contacts: u32,
    /// ACEs in SDDL, `{sAMAccountName}` standing for that account's SID: (object DN, ACEs).
    pub grants: Vec<(String, String)>,
}

/// A service account in `CN=Users`, a plain domain user without admin group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePlan {
    /// sAMAccountName.
    pub account: String,
    /// Its password.
    pub password: String,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPlan {
    /// Common name, unescaped.
    pub cn: String,
    /// DN of its container.
    pub ou: String,
    /// sAMAccountName.
    pub account: String,
    /// userPrincipalName.
    pub upn: String,
    /// mail.
    pub mail: String,
    /// displayName.
    pub display_name: String,
    /// employeeID: what the lab's sync profile matches by.
    pub employee_id: Option<String>,
    /// Set for the people who have a profile on a lab device.
    pub password: Option<String>,
    /// Disabled accounts are matched, too.
    pub enabled: bool,
    /// SIDs of a former domain.
    pub sid_history: Vec<String>,
}

/// A global security group in `OU=Groups`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupPlan {
    /// sAMAccountName and common name.
    pub name: String,
    /// sAMAccountNames of members.
    pub members: Vec<String>,
    /// All contacts are members, too.
    pub with_contacts: bool,
}

/// A computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComputerPlan {
    /// Name without `$`.
    pub name: String,
    /// DN of its container.
    pub ou: String,
    /// operatingSystem.
    pub operating_system: String,
    /// Known machine password: the lab's devices.
    pub password: Option<String>,
    /// Disabled: pre-staged.
    pub enabled: bool,
}

/// Source and target people by `employeeID`, groups by name. All lists hold sAMAccountNames.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Matches {
    /// Exactly one on each side: (source, target).
    pub users: Vec<(String, String)>,
    /// Source people without a counterpart: no employeeID, or one the target does not have.
    pub unmatched: Vec<String>,
    /// Source people whose employeeID occurs twice on either side.
    pub ambiguous: Vec<String>,
    /// Target people nobody matches.
    pub target_only: Vec<String>,
    /// Groups with the same name on both sides.
    pub groups: Vec<String>,
    /// Source groups without a counterpart.
    pub unmatched_groups: Vec<String>,
    /// Source people with a profile on the lab's devices, all in `users`.
    pub profiles: Vec<String>,
    /// A person with a profile who is in `unmatched`.
    pub unmapped_profile: String,
    /// Source computers whose machine password the lab knows.
    pub devices: Vec<String>,
}

const PROFILES: usize = 12;
const DEVICES: usize = 24;

impl ForestPlan {
    /// The lab's forests: 330 and 344 people, 40 groups, 60 computers each, and service accounts.
    #[must_use]
    pub fn lab() -> Self {
        let mut plan = Self {
            source: domain("source", "S-1-5-21-2180764193-3094112651-1427600389"),
            target: domain("target", "S-1-5-21-3908214567-1265830947-2744109318"),
            matches: Matches::default(),
        };
        plan.add_people();
        plan.add_groups();
        plan.add_computers();
        plan.add_services();
        plan
    }

    /// A source forest with that many people and nothing special, for measuring imports.
    #[must_use]
    pub fn bench(users: u32) -> Self {
        let mut plan = Self::lab();
        let template = plan.source.users[0].clone();
        plan.source.users = (0..users)
            .map(|n| UserPlan {
                cn: format!("Bench User {n:06}"),
                account: format!("bench{n:06}"),
                upn: format!("bench{n:06}@source.test"),
                mail: format!("bench{n:06}@source.example"),
                display_name: format!("Bench User {n:06}"),
                employee_id: Some(format!("B{n:06}")),
                password: None,
                ..template.clone()
            })
            .collect();
        for group in &mut plan.source.groups {
            group.members.clear();
        }
        plan
    }

    /// The domain of one side.
    #[must_use]
    pub fn domain(&self, side: &str) -> Option<&DomainPlan> {
        [&self.source, &self.target]
            .into_iter()
            .find(|domain| domain.side == side)
    }

    fn add_people(&mut self) {
        for n in 0..PEOPLE {
            let user = source_user(&self.source, n);
            let account = user.account.clone();
            let m = &mut self.matches;
            match band(n) {
                Band::Matched => {
                    let target = target_user(&self.target, n, 0, user.employee_id.clone());
                    m.users.push((account.clone(), target.account.clone()));
                    self.target.users.push(target);
                    if m.profiles.len() < PROFILES && user.enabled {
                        m.profiles.push(account);
                    }
                }
                Band::NoId | Band::UnknownId => m.unmatched.push(account),
                Band::TwoTargets => {
                    m.ambiguous.push(account);
                    for copy in 0..2 {
                        self.target.users.push(target_user(
                            &self.target,
                            n,
                            copy,
                            user.employee_id.clone(),
                        ));
                    }
                }
                Band::TwoSources => {
                    m.ambiguous.push(account);
                    if n % 2 == 0 {
                        self.target.users.push(target_user(
                            &self.target,
                            n,
                            0,
                            user.employee_id.clone(),
                        ));
                    }
                }
            }
            self.source.users.push(user);
        }
        for n in PEOPLE..PEOPLE + TARGET_ONLY {
            let user = target_user(&self.target, n, 0, Some(format!("T{n:05}")));
            self.matches.target_only.push(user.account.clone());
            self.target.users.push(user);
        }
        self.matches.unmapped_profile = self.matches.unmatched[0].clone();
        let unmapped = self.matches.unmapped_profile.clone();
        for user in &mut self.source.users {
            if self.matches.profiles.contains(&user.account) || user.account == unmapped {
                user.password = Some(secret("source", &user.account));
            }
        }
        for (source, target) in &self.matches.users {
            if self.matches.profiles.contains(source) {
                for user in self
                    .target
                    .users
                    .iter_mut()
                    .filter(|user| user.account == *target)
                {
                    user.password = Some(secret("target", target));
                }
            }
        }
    }

    fn add_groups(&mut self) {
        for n in 0..32 {
            let name = match n {
                0 => "Workstation Admins".to_owned(),
                1 => "Sales & Service (North)".to_owned(),
                2 => "Отдел продаж".to_owned(),
                3 => "経理部".to_owned(),
                n => format!("GG-Team-{n:02}"),
            };
            let pick = |users: &[UserPlan]| -> Vec<String> {
                users
                    .iter()
                    .skip(n)
                    .step_by(17)
                    .map(|user| user.account.clone())
                    .collect()
            };
            let (source, target) = (pick(&self.source.users), pick(&self.target.users));
            self.source.groups.push(GroupPlan {
                name: name.clone(),
                members: source,
                with_contacts: false,
            });
            self.target.groups.push(GroupPlan {
                name: name.clone(),
                members: target,
                with_contacts: false,
            });
            self.matches.groups.push(name);
        }
        for n in 0..8 {
            let name = format!("SRC-Only-{n}");
            let everybody = n == 0;
            let members = if everybody {
                self.source
                    .users
                    .iter()
                    .map(|user| user.account.clone())
                    .collect()
            } else {
                Vec::new()
            };
            self.source.groups.push(GroupPlan {
                name: name.clone(),
                members,
                with_contacts: everybody,
            });
            self.matches.unmatched_groups.push(name);
            self.target.groups.push(GroupPlan {
                name: format!("TGT-Only-{n}"),
                members: Vec::new(),
                with_contacts: false,
            });
        }
        self.source.contacts = 1050;
    }

    fn add_computers(&mut self) {
        for n in 1..=DEVICES {
            let name = format!("GWLAB-{n:02}");
            self.source.computers.push(ComputerPlan {
                ou: format!("CN=Computers,{}", self.source.dn),
                operating_system: "Windows 11 Pro".into(),
                password: Some(secret("machine", &name)),
                enabled: true,
                name: name.clone(),
            });
            self.matches.devices.push(name);
        }
        for n in self.source.computers.len()..60 {
            self.source.computers.push(ComputerPlan {
                name: format!("SRC-PC-{n:03}"),
                ou: format!("OU=Workstations,{}", self.source.dn),
                operating_system: [
                    "Windows 10 Pro",
                    "Windows 11 Enterprise",
                    "Windows Server 2022 Standard",
                ][n % 3]
                    .into(),
                password: None,
                enabled: n % 10 != 0,
            });
        }
        for name in ["PRE-ADMIN", "PRE-RIGHTS", "PRE-DISABLED"] {
            self.target.computers.push(ComputerPlan {
                name: name.into(),
                ou: format!("OU=Migrated,{}", self.target.dn),
                operating_system: "Windows Server 2022 Standard".into(),
                password: None,
                enabled: name != "PRE-DISABLED",
            });
        }
        for n in self.target.computers.len()..60 {
            self.target.computers.push(ComputerPlan {
                name: format!("TGT-PC-{n:03}"),
                ou: format!("OU=Workstations,{}", self.target.dn),
                operating_system: "Windows 11 Pro".into(),
                password: None,
                enabled: true,
            });
        }
    }

    fn add_services(&mut self) {
        for (domain, names) in [
            (&mut self.source, &[READ, BLIND, RETURN][..]),
            (&mut self.target, &[READ, JOIN][..]),
        ] {
            domain.services = names
                .iter()
                .map(|name| ServicePlan {
                    account: (*name).to_owned(),
                    password: secret(&domain.side, name),
                })
                .collect();
        }
        let (source, target) = (self.source.dn.clone(), self.target.dn.clone());
        for container in ["CN=Computers", "OU=Workstations"] {
            self.source.grants.push((
                format!("{container},{source}"),
                format!("(OA;CIIO;CR;{RESET_PASSWORD};{COMPUTER};{{{RETURN}}})(OA;CIIO;RPWP;{ACCOUNT_CONTROL};{COMPUTER};{{{RETURN}}})"),
            ));
        }
        for container in self.source.ous.clone().into_iter().chain([
            source.clone(),
            format!("CN=Users,{source}"),
            format!("CN=Computers,{source}"),
            format!("CN=Builtin,{source}"),
            format!("OU=Domain Controllers,{source}"),
        ]) {
            self.source
                .grants
                .push((container, format!("(D;;LC;;;{{{BLIND}}})")));
        }
        self.target.grants.push((
            format!("OU=Migrated,{target}"),
            format!("(OA;CI;CCDC;{COMPUTER};;{{{JOIN}}})"),
        ));
        for name in ["PRE-RIGHTS", "PRE-DISABLED"] {
            self.target.grants.push((
                format!("CN={name},OU=Migrated,{target}"),
                format!(
                    "(OA;;CR;{RESET_PASSWORD};;{{{JOIN}}})(OA;;RPWP;{ACCOUNT_CONTROL};;{{{JOIN}}})"
                ),
            ));
        }
    }
}

/// Reads both directories; a plain domain user.
pub const READ: &str = "svc-godwit-read";
/// May sign in to the source but list no container.
pub const BLIND: &str = "svc-godwit-blind";
/// May create computers in the target's `OU=Migrated`.
pub const JOIN: &str = "svc-join";
/// May reset computers' passwords in the source.
pub const RETURN: &str = "svc-return";

/// Schema GUID of class computer.
const COMPUTER: &str = "bf967a86-0de6-11d0-a285-00aa003049e2";
/// Schema GUID of userAccountControl.
const ACCOUNT_CONTROL: &str = "bf967a68-0de6-11d0-a285-00aa003049e2";
/// Extended right *Reset Password*.
const RESET_PASSWORD: &str = "00299570-246d-11d0-a768-00aa006e0529";

impl DomainPlan {
    /// A service account's password.
    #[must_use]
    pub fn service(&self, account: &str) -> Option<&ServicePlan> {
        self.services
            .iter()
            .find(|service| service.account == account)
    }

    /// The domain's administrator: for what the lab itself must set up, never for the product.
    #[must_use]
    pub fn administrator(&self) -> ServicePlan {
        ServicePlan {
            account: "Administrator".into(),
            password: secret(&self.side, "Administrator"),
        }
    }

    /// The Kerberos realm.
    #[must_use]
    pub fn realm(&self) -> String {
        self.dns_name.to_uppercase()
    }
}

fn domain(side: &str, sid: &str) -> DomainPlan {
    let dn = format!("DC={side},DC=test");
    let names = match side {
        "source" => [
            "OU=Groups",
            "OU=Workstations",
            "OU=People",
            "OU=Zürich\\, HQ,OU=People",
            "OU=Отдел продаж,OU=People",
            "OU=Contacts",
        ],
        _ => [
            "OU=Groups",
            "OU=Workstations",
            "OU=Migrated",
            "OU=Staff",
            "OU=Night shift \\\"B\\\",OU=Staff",
            "OU=東京,OU=Staff",
        ],
    };
    DomainPlan {
        dns_name: format!("{side}.test"),
        netbios_name: side.to_uppercase(),
        domain_sid: sid.into(),
        ous: names.iter().map(|name| format!("{name},{dn}")).collect(),
        side: side.into(),
        dn,
        services: Vec::new(),
        users: Vec::new(),
        groups: Vec::new(),
        computers: Vec::new(),
        contacts: 0,
        grants: Vec::new(),
    }
}

/// A password nobody else has, the same in every build: these forests have no other network.
fn secret(kind: &str, name: &str) -> String {
    let digest = Sha256::digest(format!("godwit lab {kind} {name}"));
    format!("Lab-{}-aA1", hex::encode(&digest[..12]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn by_id(users: &[UserPlan]) -> BTreeMap<&str, Vec<&str>> {
        let mut map = BTreeMap::<_, Vec<_>>::new();
        for user in users {
            if let Some(id) = &user.employee_id {
                map.entry(id.as_str())
                    .or_default()
                    .push(user.account.as_str());
            }
        }
        map
    }

    #[test]
    fn the_lists_say_what_matching_by_employee_id_finds() {
        let plan = ForestPlan::lab();
        let (source, target) = (by_id(&plan.source.users), by_id(&plan.target.users));
        let mut matched = BTreeSet::new();
        let mut ambiguous = BTreeSet::new();
        let mut unmatched: BTreeSet<&str> = plan
            .source
            .users
            .iter()
            .filter(|user| user.employee_id.is_none())
            .map(|user| user.account.as_str())
            .collect();
        for (id, users) in &source {
            match (users.as_slice(), target.get(id).map(Vec::as_slice)) {
                ([one], Some([other])) => drop(matched.insert((*one, *other))),
                (many, None) => unmatched.extend(many),
                (many, Some(_)) => ambiguous.extend(many),
            }
        }
        let said: BTreeSet<_> = plan
            .matches
            .users
            .iter()
            .map(|(s, t)| (s.as_str(), t.as_str()))
            .collect();
        assert_eq!(matched, said);
        assert_eq!(
            ambiguous,
            plan.matches.ambiguous.iter().map(String::as_str).collect()
        );
        assert_eq!(
            unmatched,
            plan.matches.unmatched.iter().map(String::as_str).collect()
        );
    }

    #[test]
    fn there_is_enough_of_everything_and_no_name_twice() {
        let plan = ForestPlan::lab();
        for domain in [&plan.source, &plan.target] {
            assert!(
                domain.users.len() >= 300
                    && domain.groups.len() >= 40
                    && domain.computers.len() >= 60
            );
            let names: Vec<_> = domain
                .users
                .iter()
                .map(|u| u.account.to_lowercase())
                .chain(domain.groups.iter().map(|g| g.name.to_lowercase()))
                .chain(domain.services.iter().map(|s| s.account.to_lowercase()))
                .collect();
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
            assert!(
                domain.users.iter().all(|u| u.account.len() <= 20),
                "sAMAccountName is 20 at most"
            );
            let dns: BTreeSet<_> = domain
                .users
                .iter()
                .map(|u| (u.cn.to_lowercase(), &u.ou))
                .collect();
            assert_eq!(dns.len(), domain.users.len());
        }
        assert_eq!(plan, ForestPlan::lab());
        assert!(
            plan.source
                .users
                .iter()
                .any(|user| !user.sid_history.is_empty())
        );
    }
}
