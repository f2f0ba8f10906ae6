//! `godwit doctor`: looks at an installation and says what to mend.
//!
//! It makes nothing: an installation that was never started is left so.

use std::path::Path;
use std::process::ExitCode;

use chrono::{TimeDelta, Utc};
use gw_certs::{CertInfo, CertSource};
use gw_services::{Open, Services};

use crate::config::Config;

/// How a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    Good,
    Look,
    Bad,
}

struct Finding {
    weight: Weight,
    text: String,
}

fn good(text: impl Into<String>) -> Finding {
    Finding {
        weight: Weight::Good,
        text: text.into(),
    }
}

fn look(text: impl Into<String>) -> Finding {
    Finding {
        weight: Weight::Look,
        text: text.into(),
    }
}

fn bad(text: impl Into<String>) -> Finding {
    Finding {
        weight: Weight::Bad,
        text: text.into(),
    }
}

/// Prints the findings. Exit code 1 when something must be mended.
pub(crate) async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let mut findings = vec![good("The configuration can be read")];
    findings.extend(files(&config));
    findings.push(certificate(&config));
    findings.extend(store(&config).await);
    for finding in &findings {
        let word = match finding.weight {
            Weight::Good => "ok  ",
            Weight::Look => "look",
            Weight::Bad => "MEND",
        };
        println!("{word}  {}", finding.text);
    }
    let mend = findings
        .iter()
        .filter(|finding| finding.weight == Weight::Bad)
        .count();
    Ok(if mend == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn files(config: &Config) -> Vec<Finding> {
    let data = config.data_dir();
    if !data.is_dir() {
        return vec![look(format!(
            "{} does not exist yet; the first `godwit serve` makes it",
            data.display()
        ))];
    }
    let mut findings = vec![private(&data, "the data folder")];
    let key = data.join("secret.key");
    if key.exists() {
        findings.push(private(&key, "the key of stored secrets"));
    } else if data.join("godwit.db").exists() {
        findings.push(bad(format!(
            "{} is missing: stored passwords and keys cannot be opened; put it back from where it was copied to",
            key.display()
        )));
    }
    findings
}

#[cfg(unix)]
fn private(path: &Path, what: &str) -> Finding {
    use std::os::unix::fs::MetadataExt as _;
    match std::fs::metadata(path) {
        Ok(found) if found.mode() & 0o077 == 0 => good(format!(
            "{} ({what}) is for the server only",
            path.display()
        )),
        Ok(_) => bad(format!(
            "others may read {} ({what}); run chmod go= {0}",
            path.display()
        )),
        Err(error) => bad(format!(
            "{} ({what}) cannot be looked at: {error}",
            path.display()
        )),
    }
}

#[cfg(not(unix))]
fn private(path: &Path, what: &str) -> Finding {
    look(format!("check who may read {} ({what})", path.display()))
}

fn certificate(config: &Config) -> Finding {
    let source = match config.certificate() {
        Ok(source) => source,
        Err(error) => return bad(format!("The TLS certificate cannot be used: {error:#}")),
    };
    // Loading the self-signed source would renew it; its files are only looked at.
    let (source, kind) = match source {
        CertSource::SelfSigned { dir, .. } => {
            let (certificate, key) = (dir.join("self-signed.pem"), dir.join("self-signed.key"));
            if !certificate.exists() {
                return look(
                    "There is no TLS certificate yet; the first `godwit serve` makes a self-signed one",
                );
            }
            (CertSource::Pem { certificate, key }, "self_signed")
        }
        other => {
            let kind = other.name();
            (other, kind)
        }
    };
    match gw_certs::load(&source, Utc::now()) {
        Ok(loaded) => judged(&loaded.info, kind, &config.names),
        Err(error) => bad(format!(
            "The TLS certificate cannot be used: {:#}",
            anyhow::Error::new(error)
        )),
    }
}

fn judged(info: &CertInfo, kind: &str, names: &[String]) -> Finding {
    let left = info.not_after - Utc::now();
    let until = info.not_after.format("%Y-%m-%d");
    let missing: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| !covers(&info.names, name))
        .collect();
    if left < TimeDelta::zero() {
        bad(format!(
            "The TLS certificate ended on {until}; install a new one"
        ))
    } else if !missing.is_empty() {
        bad(format!(
            "The TLS certificate is not valid for {}; it names {}",
            missing.join(", "),
            info.names.join(", ")
        ))
    } else if left < TimeDelta::days(30) {
        look(format!("The TLS certificate ends on {until}; renew it"))
    } else {
        good(format!(
            "The TLS certificate ({}) is valid for {} until {until}",
            kind,
            info.names.join(", ")
        ))
    }
}

/// Whether one of the certificate's names, perhaps with a leading wildcard, is this one.
fn covers(certificate: &[String], name: &str) -> bool {
    let name = name.to_lowercase();
    certificate.iter().any(|one| match one.strip_prefix("*.") {
        Some(parent) => name.split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => *one == name,
    })
}

async fn store(config: &Config) -> Vec<Finding> {
    let data = config.data_dir();
    if config.database.url.is_none() && !data.join("godwit.db").exists() {
        return vec![look(
            "There is no database yet; the first `godwit serve` makes it",
        )];
    }
    let services = match Services::open(Open::standard(&data, config.database.url.as_deref())).await
    {
        Ok(services) => services,
        Err(error) => {
            return vec![bad(format!(
                "The installation cannot be opened: {:#}",
                anyhow::Error::new(error)
            ))];
        }
    };
    let mut findings = vec![good(format!(
        "The {} database answers",
        services.database()
    ))];
    match services.setup_state().await {
        Ok(state) if state.needed => {
            findings.push(look(
                "The server is not set up; `godwit serve` prints the address for it",
            ));
        }
        Ok(_) => findings.push(settings(&services).await),
        Err(error) => findings.push(bad(error.to_string())),
    }
    services.stop().await;
    findings
}

async fn settings(services: &Services) -> Finding {
    match services.settings().await {
        Ok(settings) if !settings.recovery_key_confirmed => look(
            "Nobody has confirmed that the recovery key was written down; without it a backup is worthless (console, Settings)",
        ),
        Ok(settings) => good(format!("Agents are told to come to {}", settings.agent_url)),
        Err(error) => bad(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_one_level() {
        let names = ["*.example.com".to_owned(), "a.test".to_owned()];
        assert!(covers(&names, "Godwit.example.com"));
        assert!(covers(&names, "a.test"));
        assert!(!covers(&names, "example.com"));
        assert!(!covers(&names, "a.b.example.com"));
    }

    #[tokio::test]
    async fn an_installation_that_was_never_started_is_left_so() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: Some(dir.path().join("data")),
            ..Config::default()
        };
        run(config).await.unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
