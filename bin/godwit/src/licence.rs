//! `godwit licence`: what an issuer of licences needs, and a look into one.
//!
//! The secret of an issuer is kept in a file that only its owner can read; it
//! is never printed.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use chrono::{DateTime, NaiveDate, Utc};
use clap::{Subcommand, ValueEnum};
use gw_model::{Licence, LicenceId, LicenceProduct};
use gw_services::{Entropy as _, OsEntropy, issue_licence, new_issuer, read_licence};
use zeroize::Zeroizing;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Makes an issuer: writes its secret to a new file and prints its public key.
    IssuerNew {
        /// The new file for the secret.
        #[arg(long, value_name = "FILE")]
        secret: PathBuf,
    },
    /// Issues a licence and prints its string.
    Issue {
        /// The issuer's secret.
        #[arg(long, value_name = "FILE")]
        secret: PathBuf,
        /// For whom.
        #[arg(long)]
        licensee: String,
        /// DNS name of the source domain.
        #[arg(long)]
        source: String,
        /// DNS name of the target domain.
        #[arg(long)]
        target: String,
        /// How many devices.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        devices: u32,
        /// Last day (UTC) on which it may start new devices, such as 2027-12-31.
        #[arg(long, value_name = "DATE")]
        until: NaiveDate,
        /// First day (UTC); today when absent.
        #[arg(long, value_name = "DATE")]
        from: Option<NaiveDate>,
        /// What it covers.
        #[arg(long, value_enum, default_value_t = Product::MigrationAgent)]
        product: Product,
        /// A full licence for trying, usually for few devices.
        #[arg(long)]
        trial: bool,
    },
    /// Prints what a licence says; whether its signature holds is for a server to say.
    Show {
        /// The licence string.
        licence: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Product {
    /// Running runbooks on devices.
    MigrationAgent,
    /// Exporting to a target directory.
    DirSync,
}

pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::IssuerNew { secret } => {
            let (private, public) = new_issuer()?;
            keep_secret(&secret, &private)?;
            println!("{public}");
            eprintln!(
                "The secret is in {}. Servers trust the issuer once the public key above is added under Settings.",
                secret.display()
            );
        }
        Command::Issue {
            secret,
            licensee,
            source,
            target,
            devices,
            until,
            from,
            product,
            trial,
        } => {
            let now = Utc::now();
            let licence = Licence {
                id: LicenceId(OsEntropy::new().id(now)),
                product: match product {
                    Product::MigrationAgent => LicenceProduct::MigrationAgent,
                    Product::DirSync => LicenceProduct::DirSync,
                },
                licensee,
                source: domain(&source)?,
                target: domain(&target)?,
                devices,
                trial,
                not_before: midnight(from.unwrap_or_else(|| now.date_naive())),
                not_after: midnight(until.succ_opt().context("the last day is out of range")?),
            };
            if licence.not_after <= licence.not_before {
                bail!("the last day lies before the first");
            }
            let text = std::fs::read_to_string(&secret)
                .with_context(|| format!("cannot read the issuer's secret {}", secret.display()))?;
            println!("{}", issue_licence(&Zeroizing::new(text), &licence)?);
        }
        Command::Show { licence } => {
            let (licence, issuer) = read_licence(&licence)?;
            let mut shown = serde_json::to_value(&licence)?;
            shown["issuer"] = issuer.into();
            println!("{}", serde_json::to_string_pretty(&shown)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the secret to a file that did not exist and that others cannot read.
fn keep_secret(path: &Path, secret: &str) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path).with_context(|| {
        format!(
            "cannot make {}; a secret is never written over what is there",
            path.display()
        )
    })?;
    file.write_all(secret.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    Ok(())
}

fn domain(text: &str) -> anyhow::Result<String> {
    let name = text.trim().trim_end_matches('.').to_lowercase();
    let usable = name.contains('.')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
    if !usable {
        bail!("`{text}` is no DNS name of a domain, such as corp.example.com");
    }
    Ok(name)
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(chrono::NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_written_over_and_not_for_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("issuer");
        keep_secret(&path, "one").unwrap();
        assert!(keep_secret(&path, "two").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn domains_are_names() {
        assert_eq!(domain(" Source.TEST. ").unwrap(), "source.test");
        for bad in ["", "source", "https://source.test", "a b.test"] {
            assert!(domain(bad).is_err(), "{bad}");
        }
    }
}
