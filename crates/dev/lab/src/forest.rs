//! Two real Active Directory forests on Samba, each a domain controller in its own network
//! namespace.
//!
//! What must stay true: [`Forests::up`] gives the same content every time, whatever an earlier run
//! left behind; nothing waits without a limit; dropping [`Forests`] stops the controllers unless
//! [`Forests::keep`] was called.

mod bench;
mod build;
mod certs;
mod dc;
pub mod kerberos;
mod ldif;
mod names;
mod people;
pub mod plan;
pub mod run;

pub use bench::{ImportTiming, bench_settings, import_timing, settings, time_import};
pub use build::Sam;
pub use ldif::Printed;
pub use plan::{ForestPlan, Matches};

use crate::net::{self, Namespace};
use anyhow::{Context, Result, anyhow, bail};
use dc::Controller;
use plan::DomainPlan;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The two forests.
#[derive(Debug)]
pub struct Forests {
    dir: PathBuf,
    plan: ForestPlan,
    controllers: BTreeMap<String, Controller>,
    kept: bool,
    /// Held while this value lives: the network is one, whatever the folder.
    lock: Option<fs::File>,
}

/// What the lab knows about one side, read from its database by Samba's own tool.
#[derive(Debug, Clone, Serialize)]
pub struct SideFacts {
    /// `source` or `target`.
    pub side: String,
    /// `source.test`.
    pub dns_name: String,
    /// `SOURCE`.
    pub netbios_name: String,
    /// `SOURCE.TEST`.
    pub realm: String,
    /// `DC=source,DC=test`.
    pub dn: String,
    /// `dc1.source.test`.
    pub dc_host: String,
    /// Its address.
    pub address: String,
    /// The domain's SID.
    pub domain_sid: String,
    /// Every account with a SID, by sAMAccountName (computers with `$`).
    pub accounts: BTreeMap<String, AccountSids>,
}

/// One account's identifiers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountSids {
    /// objectSid.
    pub sid: String,
    /// objectGUID, hyphenated.
    pub guid: String,
    /// Distinguished name.
    pub dn: String,
}

impl Forests {
    /// The lab's forests, fresh and running, with their work files below `dir`.
    ///
    /// The first time they are built (about 20 s); later they are unpacked from `dir/cache`.
    ///
    /// # Errors
    /// If a tool is missing or fails, or a controller does not answer; the error quotes its log.
    pub fn up(dir: &Path) -> Result<Self> {
        Self::up_with(dir, ForestPlan::lab(), &["source", "target"])
    }

    /// As [`Forests::up`] with another plan and only some sides.
    ///
    /// # Errors
    /// As there.
    pub fn up_with(dir: &Path, plan: ForestPlan, sides: &[&str]) -> Result<Self> {
        net::require_root()?;
        let mut forests = Self::at(dir, plan)?;
        forests.lock = Some(lock()?);
        forests.stop();
        for ns in [net::SOURCE, net::TARGET] {
            net::stop_strays(ns);
        }
        net::up()?;
        fs::create_dir_all(forests.dir.join("forest"))?;
        let ca = certs::authority(&forests.dir.join("forest"))?;
        // Building is most of the first start: one thread per side.
        std::thread::scope(|scope| -> Result<()> {
            let jobs: Vec<_> = sides
                .iter()
                .map(|side| scope.spawn(|| forests.prepare(side, &ca)))
                .collect();
            for job in jobs {
                job.join()
                    .map_err(|_| anyhow!("preparing a forest panicked"))??;
            }
            Ok(())
        })?;
        for side in sides {
            forests.start_dc(side)?;
        }
        kerberos::write_config(&forests.kerberos_config(), &forests.plan)?;
        Ok(forests)
    }

    /// The forests an earlier [`Forests::up`] of another process left running (see
    /// [`Forests::keep`]). Dropping the answer does not stop them.
    ///
    /// # Errors
    /// If there is none in `dir`.
    pub fn attach(dir: &Path) -> Result<Self> {
        let text = fs::read(dir.join("forest/source/plan.json"))
            .with_context(|| format!("there are no forests in {}", dir.display()))?;
        let mut forests = Self::at(dir, serde_json::from_slice(&text)?)?;
        forests.kept = true;
        Ok(forests)
    }

    fn at(dir: &Path, plan: ForestPlan) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
        let dir = dir.canonicalize()?;
        let controllers = [("source", net::SOURCE), ("target", net::TARGET)]
            .map(|(side, ns)| {
                (
                    side.to_owned(),
                    Controller::new(&dir.join("forest").join(side), ns),
                )
            })
            .into();
        Ok(Self {
            dir,
            plan,
            controllers,
            kept: false,
            lock: None,
        })
    }

    fn prepare(&self, side: &str, ca: &Path) -> Result<()> {
        let domain = self.domain(side)?;
        let folder = self.folder(side);
        build::restore(
            &self.plan,
            domain,
            namespace(side)?.address,
            &folder,
            &self.dir.join("cache"),
        )?;
        let tls = folder.join("lab-tls");
        let (certificate, key) = certs::server(&self.dir.join("forest"), &dc_host(domain), &tls)?;
        self.controllers[side].configure(domain, &certificate, &key, ca)
    }

    /// Leaves the controllers running when this value goes.
    pub fn keep(&mut self) {
        self.kept = true;
    }

    /// Stops both controllers and takes the network down.
    pub fn down(mut self) {
        self.stop();
        net::down();
    }

    fn stop(&mut self) {
        for controller in self.controllers.values_mut() {
            controller.stop();
        }
    }

    /// Stops one side's controller.
    ///
    /// # Errors
    /// If there is no such side.
    pub fn stop_dc(&mut self, side: &str) -> Result<()> {
        self.controller(side)?.stop();
        Ok(())
    }

    /// Starts one side's controller again, with the content it had, and waits until it answers.
    ///
    /// # Errors
    /// If there is no such side or it does not answer.
    pub fn start_dc(&mut self, side: &str) -> Result<()> {
        self.controller(side)?.start()
    }

    /// Whether one side's controller runs.
    #[must_use]
    pub fn is_running(&self, side: &str) -> bool {
        self.controllers
            .get(side)
            .is_some_and(Controller::is_running)
    }

    fn controller(&mut self, side: &str) -> Result<&mut Controller> {
        self.controllers
            .get_mut(side)
            .ok_or_else(|| anyhow!("there is no side `{side}`"))
    }

    /// What is in them.
    #[must_use]
    pub fn plan(&self) -> &ForestPlan {
        &self.plan
    }

    /// One side's plan.
    ///
    /// # Errors
    /// If there is no such side.
    pub fn domain(&self, side: &str) -> Result<&DomainPlan> {
        self.plan
            .domain(side)
            .ok_or_else(|| anyhow!("there is no side `{side}`"))
    }

    /// The folder of one side: `private/sam.ldb` is its database.
    #[must_use]
    pub fn folder(&self, side: &str) -> PathBuf {
        self.dir.join("forest").join(side)
    }

    /// One side's database.
    #[must_use]
    pub fn sam(&self, side: &str) -> Sam {
        Sam::new(&self.folder(side))
    }

    /// The lab CA's certificate, PEM.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.dir.join("forest/ca.pem")
    }

    /// One side's controller certificate, PEM.
    #[must_use]
    pub fn certificate_file(&self, side: &str) -> PathBuf {
        self.folder(side).join("lab-tls/tls.pem")
    }

    /// A `krb5.conf` that knows both realms by address; for `KRB5_CONFIG`.
    #[must_use]
    pub fn kerberos_config(&self) -> PathBuf {
        self.dir.join("forest/krb5.conf")
    }

    /// Proves that a password is an account's: gets a ticket with it from `gw-hq`.
    ///
    /// # Errors
    /// `kinit`'s words if the controller refuses.
    pub fn kinit(&self, side: &str, account: &str, password: &str) -> Result<()> {
        let realm = self.domain(side)?.realm();
        kerberos::kinit(
            &self.kerberos_config(),
            &format!("{account}@{realm}"),
            password,
        )
    }

    /// The facts of one side.
    ///
    /// # Errors
    /// If its database cannot be read.
    pub fn facts(&self, side: &str) -> Result<SideFacts> {
        let domain = self.domain(side)?;
        let one = |entry: &Printed, name: &str| {
            entry.get(name).and_then(|values| values.first().cloned())
        };
        let accounts = self
            .sam(side)
            .search(
                "(&(sAMAccountName=*)(objectSid=*))",
                &["sAMAccountName", "objectSid", "objectGUID"],
            )?
            .iter()
            .filter_map(|entry| {
                let sids = AccountSids {
                    sid: one(entry, "objectSid")?,
                    guid: one(entry, "objectGUID")?,
                    dn: one(entry, "dn")?,
                };
                Some((one(entry, "sAMAccountName")?, sids))
            })
            .collect();
        Ok(SideFacts {
            side: side.to_owned(),
            dns_name: domain.dns_name.clone(),
            netbios_name: domain.netbios_name.clone(),
            realm: domain.realm(),
            dn: domain.dn.clone(),
            dc_host: dc_host(domain),
            address: namespace(side)?.address.to_owned(),
            domain_sid: domain.domain_sid.clone(),
            accounts,
        })
    }
}

impl Drop for Forests {
    fn drop(&mut self) {
        if !self.kept {
            self.stop();
        }
    }
}

/// One lab at a time on a machine: waits up to 15 minutes for another to end.
fn lock() -> Result<fs::File> {
    let path = Path::new("/run/gw-lab.lock");
    let file = fs::File::create(path).with_context(|| format!("making {}", path.display()))?;
    if !run::wait_until(Duration::from_secs(900), || file.try_lock().is_ok()) {
        bail!("another lab has held {} for 15 minutes", path.display());
    }
    Ok(file)
}

fn dc_host(domain: &DomainPlan) -> String {
    format!("dc1.{}", domain.dns_name)
}

fn namespace(side: &str) -> Result<Namespace> {
    match side {
        "source" => Ok(net::SOURCE),
        "target" => Ok(net::TARGET),
        other => Err(anyhow!("there is no side `{other}`")),
    }
}
