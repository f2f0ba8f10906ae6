//! Kerberos against the lab's forests, without DNS.

use super::{
    plan::ForestPlan,
    run::{Limited, run},
};
use crate::net;
use anyhow::Result;
use std::{fs, path::Path};

/// A `krb5.conf` that names each realm's KDC by address.
pub(super) fn write_config(path: &Path, plan: &ForestPlan) -> Result<()> {
    let mut text = format!(
        "[libdefaults]\n default_realm = {}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n rdns = false\n dns_canonicalize_hostname = false\n udp_preference_limit = 1\n[realms]\n",
        plan.source.realm()
    );
    for (domain, ns) in [(&plan.source, net::SOURCE), (&plan.target, net::TARGET)] {
        text += &format!(" {} = {{\n  kdc = {}\n }}\n", domain.realm(), ns.address);
    }
    Ok(fs::write(path, text)?)
}

/// Gets a ticket with a password from inside `gw-hq`; the ticket is thrown away.
///
/// # Errors
/// `kinit`'s words.
pub fn kinit(config: &Path, principal: &str, password: &str) -> Result<()> {
    let mut command = net::net_only(net::HQ, "kinit");
    command
        .arg("--")
        .arg(principal)
        .env("KRB5_CONFIG", config)
        .env("KRB5CCNAME", "MEMORY:");
    run(Limited {
        command,
        seconds: 20,
        input: Some(format!("{password}\n").into()),
    })
    .map(|_| ())
}
