//! How long a full import takes beside `ldapsearch` dumping the same objects and attributes from
//! the same controller.

use super::{
    ForestPlan, Forests,
    run::{Limited, run},
};
use crate::net;
use anyhow::{Context, Result, ensure};
use gw_directory::{
    BindAccount, BoxFuture, ConnectionSettings, DirectoryReader, ImportPage, ImportRequest,
    ImportSink, Secret, SinkStopped, Trust,
};
use gw_directory_ad::AdDirectory;
use serde::Serialize;
use std::{fs, path::Path, time::Instant};

/// The best of `ROUNDS` of each, taken in turns.
#[derive(Debug, Clone, Serialize)]
pub struct ImportTiming {
    /// Wall time of our import, sign-in included.
    pub ours_ms: f64,
    /// Wall time of `ldapsearch`, sign-in included, its output thrown away.
    pub ldapsearch_ms: f64,
    /// `ours_ms / ldapsearch_ms`.
    pub ratio: f64,
    /// Objects read by each: users, groups and computers.
    pub objects: u64,
    /// All rounds of ours.
    pub ours_rounds_ms: Vec<f64>,
    /// All rounds of `ldapsearch`.
    pub ldapsearch_rounds_ms: Vec<f64>,
}

const ROUNDS: usize = 5;

/// Settings to read one side as its plain domain user, trusting the lab's CA.
///
/// # Errors
/// If there is no such side or account.
pub fn settings(forests: &Forests, side: &str, account: &str) -> Result<ConnectionSettings> {
    let domain = forests.domain(side)?;
    let administrator = domain.administrator();
    let service = match account {
        "Administrator" => &administrator,
        _ => domain
            .service(account)
            .with_context(|| format!("{side} has no {account}"))?,
    };
    let bind = BindAccount {
        account: format!("{account}@{}", domain.dns_name),
        password: Secret::new(&service.password),
    };
    let mut settings = ConnectionSettings::ldaps(super::dc_host(domain), bind);
    settings.address = Some(super::namespace(side)?.address.parse()?);
    settings.trust = Trust::Ca {
        pem: fs::read_to_string(forests.ca_file())?,
    };
    settings.extra_attributes = vec!["employeeID".into()];
    Ok(settings)
}

/// Brings a source forest with `users` people up, measures, and takes it down.
///
/// # Errors
/// If the forest does not come up, or the two readers do not see the same number of objects.
pub fn import_timing(dir: &Path, users: u32) -> Result<ImportTiming> {
    let forests = Forests::up_with(dir, ForestPlan::bench(users), &["source"])?;
    let timing = time_import(&forests);
    forests.down();
    timing
}

/// Settings to read the source as its plain domain user.
///
/// # Errors
/// If there is no such account.
pub fn bench_settings(forests: &Forests) -> Result<ConnectionSettings> {
    settings(forests, "source", super::plan::READ)
}

/// Measures with the source of running forests.
///
/// # Errors
/// If the two readers do not see the same number of objects.
pub fn time_import(forests: &Forests) -> Result<ImportTiming> {
    let settings = bench_settings(forests)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let (mut ours, mut theirs, mut objects) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut sink = Count(0);
        runtime.block_on(AdDirectory.import(&settings, &ImportRequest::everything(), &mut sink))?;
        ours.push(milliseconds(start));
        let start = Instant::now();
        objects = ldapsearch(forests, &settings)?;
        theirs.push(milliseconds(start));
        ensure!(
            sink.0 == objects,
            "our import saw {} objects, ldapsearch {objects}",
            sink.0
        );
    }
    let best = |rounds: &[f64]| rounds.iter().copied().fold(f64::INFINITY, f64::min);
    let (ours_ms, ldapsearch_ms) = (best(&ours), best(&theirs));
    Ok(ImportTiming {
        ours_ms,
        ldapsearch_ms,
        ratio: ours_ms / ldapsearch_ms,
        objects,
        ours_rounds_ms: ours,
        ldapsearch_rounds_ms: theirs,
    })
}

fn milliseconds(start: Instant) -> f64 {
    (start.elapsed().as_secs_f64() * 1e4).round() / 10.0
}

/// One connection, one paged search for all three kinds: the fastest way to use it.
fn ldapsearch(forests: &Forests, settings: &ConnectionSettings) -> Result<u64> {
    let domain = forests.domain("source")?;
    let mut command = net::command(net::HQ, "ldapsearch")?;
    command
        .env("LDAPTLS_CACERT", forests.ca_file())
        .args(["-x", "-LLL", "-o", "nettimeout=10", "-l", "120", "-E", "pr=1000/noprompt"])
        .args(["-E", "!1.2.840.113556.1.4.1339"])
        .arg("-H")
        .arg(format!("ldaps://{}:{}", settings.host, settings.port))
        .args(["-D", &settings.bind.account, "-w", settings.bind.password.expose()])
        .args(["-b", &domain.dn])
        .arg("(|(&(objectCategory=person)(objectClass=user))(objectCategory=group)(objectCategory=computer))")
        .args([
            "objectGUID", "objectSid", "sIDHistory", "sAMAccountName", "displayName", "mail",
            "uSNChanged", "userPrincipalName", "userAccountControl", "dNSHostName",
            "operatingSystem", "employeeID",
        ]);
    let out = run(Limited {
        command,
        seconds: 180,
        input: None,
    })?;
    Ok(out.lines().filter(|line| line.starts_with("dn:")).count() as u64)
}

struct Count(u64);

impl ImportSink for Count {
    fn page(&mut self, page: ImportPage) -> BoxFuture<'_, Result<(), SinkStopped>> {
        self.0 += page.objects.len() as u64;
        Box::pin(async { Ok(()) })
    }
}
