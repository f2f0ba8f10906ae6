//! Making a forest offline: provision, populate, keep as a tar file for the next time.

use super::{
    ldif::{Record, escape, parse},
    plan::{DomainPlan, ForestPlan},
    run::{Limited, run},
};
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Raised when the way a forest is built changes; part of the cache's key.
const BUILD: u32 = 2;

/// Puts a pristine forest into `dir` (which is emptied), building it if the cache has none.
pub(super) fn restore(
    plan: &ForestPlan,
    domain: &DomainPlan,
    address: &str,
    dir: &Path,
    cache: &Path,
) -> Result<()> {
    let tar = cache.join(format!("forest-{}-{}.tar", domain.side, key(domain)?));
    if !tar.exists() {
        fs::create_dir_all(cache)?;
        let work = cache.join(format!("building-{}-{}", domain.side, std::process::id()));
        let built = build(domain, address, &work).and_then(|()| pack(&work, &tar));
        let _ = fs::remove_dir_all(&work);
        built.with_context(|| format!("building forest {}", domain.dns_name))?;
    }
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("emptying {}", dir.display()))?;
    }
    fs::create_dir_all(dir)?;
    let mut command = Command::new("tar");
    command
        .arg("-xf")
        .arg(&tar)
        .arg("-C")
        .arg(dir)
        .args(["--xattrs", "--xattrs-include=*"]);
    run(Limited {
        command,
        seconds: 120,
        input: None,
    })?;
    fs::write(dir.join("plan.json"), serde_json::to_vec(plan)?)?;
    Ok(())
}

fn key(domain: &DomainPlan) -> Result<String> {
    let mut version = Command::new("samba");
    version.arg("--version");
    let version = run(Limited {
        command: version,
        seconds: 20,
        input: None,
    })?;
    let mut hash = Sha256::new();
    hash.update(BUILD.to_le_bytes());
    hash.update(version);
    hash.update(serde_json::to_vec(domain)?);
    Ok(hex::encode(&hash.finalize()[..10]))
}

fn pack(work: &Path, tar: &Path) -> Result<()> {
    let part = tar.with_extension("part");
    let mut command = Command::new("tar");
    command.arg("-cSf").arg(&part).arg("-C").arg(work).args([
        "--xattrs",
        "--xattrs-include=*",
        ".",
    ]);
    run(Limited {
        command,
        seconds: 300,
        input: None,
    })?;
    Ok(fs::rename(part, tar)?)
}

fn build(domain: &DomainPlan, address: &str, work: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(work);
    fs::create_dir_all(work)?;
    provision(domain, address, work)?;
    let sam = Sam::new(work);
    let mut first = String::new();
    for ou in &domain.ous {
        let mut record = Record::new(ou);
        record.text("objectClass", "organizationalUnit");
        first += &record.end();
    }
    for service in &domain.services {
        let mut record = Record::new(&format!("CN={},CN=Users,{}", service.account, domain.dn));
        record
            .text("objectClass", "user")
            .text("sAMAccountName", &service.account)
            .text(
                "userPrincipalName",
                &format!("{}@{}", service.account, domain.dns_name),
            )
            .text("displayName", &service.account)
            // Normal account, password does not expire.
            .text("userAccountControl", "66048")
            .password(&service.password);
        first += &record.end();
    }
    sam.add(&first)?;
    let sids = sam.sids()?;
    let computers: Vec<String> = domain
        .computers
        .iter()
        .map(|c| format!("CN={},{}", c.name, c.ou))
        .collect();
    let (later, now): (Vec<_>, Vec<_>) = domain
        .grants
        .iter()
        .partition(|(dn, _)| computers.contains(dn));
    // Before the children exist, so that they inherit at birth.
    for (dn, aces) in now {
        sam.grant(dn, aces, &sids)?;
    }
    sam.add(&people(domain))?;
    sam.add(&groups(domain))?;
    sam.add(&machines(domain))?;
    for (dn, aces) in later {
        sam.grant(dn, aces, &sids)?;
    }
    Ok(())
}

fn provision(domain: &DomainPlan, address: &str, work: &Path) -> Result<()> {
    let mut command = Command::new("samba-tool");
    command
        .args([
            "domain",
            "provision",
            "--quiet",
            "--server-role=dc",
            "--dns-backend=SAMBA_INTERNAL",
        ])
        .arg(format!("--targetdir={}", work.display()))
        .arg(format!("--realm={}", domain.realm()))
        .arg(format!("--domain={}", domain.netbios_name))
        .arg(format!("--domain-sid={}", domain.domain_sid))
        .arg(format!("--host-ip={address}"))
        .args([
            "--host-name=dc1",
            "--option=interfaces=lo",
            "--option=bind interfaces only=yes",
        ])
        .arg(format!("--adminpass={}", domain.administrator().password));
    run(Limited {
        command,
        seconds: 180,
        input: None,
    })
    .map(|_| ())
}

fn people(domain: &DomainPlan) -> String {
    let mut text = String::new();
    for user in &domain.users {
        let mut record = Record::new(&format!("CN={},{}", escape(&user.cn), user.ou));
        record
            .text("objectClass", "user")
            .text("sAMAccountName", &user.account)
            .text("userPrincipalName", &user.upn)
            .text("mail", &user.mail)
            .text("displayName", &user.display_name)
            .text(
                "userAccountControl",
                if user.enabled { "512" } else { "514" },
            );
        if let Some(id) = &user.employee_id {
            record.text("employeeID", id);
        }
        for sid in &user.sid_history {
            record.text("sIDHistory", sid);
        }
        if let Some(password) = &user.password {
            record.password(password);
        }
        text += &record.end();
    }
    for n in 0..domain.contacts {
        let mut record = Record::new(&contact_dn(domain, n));
        record
            .text("objectClass", "contact")
            .text("mail", &format!("contact{n}@partner.example"));
        text += &record.end();
    }
    text
}

fn contact_dn(domain: &DomainPlan, n: u32) -> String {
    format!("CN=Contact {n:04},OU=Contacts,{}", domain.dn)
}

fn groups(domain: &DomainPlan) -> String {
    let dns: BTreeMap<&str, String> = domain
        .users
        .iter()
        .map(|user| {
            (
                user.account.as_str(),
                format!("CN={},{}", escape(&user.cn), user.ou),
            )
        })
        .collect();
    let mut text = String::new();
    for group in &domain.groups {
        let mut record = Record::new(&format!(
            "CN={},OU=Groups,{}",
            escape(&group.name),
            domain.dn
        ));
        record
            .text("objectClass", "group")
            .text("sAMAccountName", &group.name)
            .text("displayName", &group.name)
            // Global security group.
            .text("groupType", "-2147483646");
        for dn in group
            .members
            .iter()
            .filter_map(|member| dns.get(member.as_str()))
        {
            record.text("member", dn);
        }
        for n in 0..if group.with_contacts {
            domain.contacts
        } else {
            0
        } {
            record.text("member", &contact_dn(domain, n));
        }
        text += &record.end();
    }
    text
}

fn machines(domain: &DomainPlan) -> String {
    let mut text = String::new();
    for computer in &domain.computers {
        let host = format!("{}.{}", computer.name.to_lowercase(), domain.dns_name);
        let mut record = Record::new(&format!("CN={},{}", computer.name, computer.ou));
        record
            .text("objectClass", "computer")
            .text("sAMAccountName", &format!("{}$", computer.name))
            .text(
                "userAccountControl",
                if computer.enabled { "4096" } else { "4098" },
            )
            .text("dNSHostName", &host)
            .text("operatingSystem", &computer.operating_system)
            .text("servicePrincipalName", &format!("HOST/{}", computer.name))
            .text("servicePrincipalName", &format!("HOST/{host}"));
        if let Some(password) = &computer.password {
            record.password(password);
        }
        text += &record.end();
    }
    text
}

/// A domain's database, edited and read without the server.
pub struct Sam {
    folder: PathBuf,
}

impl Sam {
    /// The database of the forest in `folder`.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command
            .arg(format!(
                "--configfile={}",
                self.folder.join("etc/smb.conf").display()
            ))
            .arg("-H")
            .arg(self.folder.join("private/sam.ldb"));
        command
    }

    /// Adds the entries of an LDIF text.
    ///
    /// # Errors
    /// `ldbadd`'s words.
    pub fn add(&self, ldif: &str) -> Result<()> {
        if ldif.is_empty() {
            return Ok(());
        }
        run(Limited {
            command: self.tool("ldbadd"),
            seconds: 600,
            input: Some(ldif.into()),
        })
        .map(|_| ())
    }

    /// Applies LDIF change records, system-only attributes included.
    ///
    /// # Errors
    /// `ldbmodify`'s words.
    pub fn modify(&self, ldif: &str) -> Result<()> {
        let mut command = self.tool("ldbmodify");
        command.arg("--controls=relax:0");
        run(Limited {
            command,
            seconds: 60,
            input: Some(ldif.into()),
        })
        .map(|_| ())
    }

    /// Searches with Samba's own tool: a reader that shares nothing with the product.
    ///
    /// # Errors
    /// `ldbsearch`'s words.
    pub fn search(&self, filter: &str, attributes: &[&str]) -> Result<Vec<super::ldif::Printed>> {
        let mut command = self.tool("ldbsearch");
        command.arg(filter).args(attributes);
        Ok(parse(&run(Limited {
            command,
            seconds: 120,
            input: None,
        })?))
    }

    fn sids(&self) -> Result<BTreeMap<String, String>> {
        let one = |entry: &super::ldif::Printed, name: &str| {
            entry.get(name).and_then(|values| values.first().cloned())
        };
        let found = self.search(
            "(&(objectClass=user)(objectSid=*))",
            &["sAMAccountName", "objectSid"],
        )?;
        Ok(found
            .iter()
            .filter_map(|entry| Some((one(entry, "sAMAccountName")?, one(entry, "objectSid")?)))
            .collect())
    }

    /// Adds ACEs; `{account}` becomes that account's SID.
    fn grant(&self, dn: &str, aces: &str, sids: &BTreeMap<String, String>) -> Result<()> {
        let mut sddl = aces.to_owned();
        for (account, sid) in sids {
            sddl = sddl.replace(&format!("{{{account}}}"), sid);
        }
        if sddl.contains('{') {
            bail!("{dn}: {aces} names an account that is not there");
        }
        let mut command = Command::new("samba-tool");
        command
            .args(["dsacl", "set"])
            .arg(format!(
                "--configfile={}",
                self.folder.join("etc/smb.conf").display()
            ))
            .arg("-H")
            .arg(self.folder.join("private/sam.ldb"))
            .arg(format!("--objectdn={dn}"))
            .arg(format!("--sddl={sddl}"));
        run(Limited {
            command,
            seconds: 60,
            input: None,
        })
        .map(|_| ())
    }
}
