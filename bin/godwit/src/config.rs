//! The bootstrap file: what the server must know before it can open its store.
//!
//! Everything an administrator changes later lives in the store. Unknown keys
//! are errors: a mistyped name must not silently leave a default in force.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// The bootstrap file, `/etc/godwit/godwit.toml` unless told otherwise.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Folder of the embedded database, the keys and the self-signed certificate.
    pub(crate) data_dir: Option<PathBuf>,
    /// Address and port to listen on, such as `[::]:443` or `10.0.0.5:8443`.
    pub(crate) listen: Option<String>,
    /// Host names and addresses under which the server is reached; the first is
    /// the one printed and given to agents until the settings say otherwise.
    pub(crate) names: Vec<String>,
    /// Reverse proxies whose `X-Forwarded-For` is believed.
    pub(crate) trusted_proxies: Vec<IpAddr>,
    pub(crate) database: Database,
    pub(crate) tls: Tls,
    pub(crate) log: Log,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Database {
    /// `postgres://…`; absent: the embedded database in `data_dir`.
    pub(crate) url: Option<String>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.url.is_some() {
            "Database(postgresql)"
        } else {
            "Database(sqlite)"
        })
    }
}

/// Where the TLS certificate comes from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, tag = "source", rename_all = "snake_case")]
pub(crate) enum Tls {
    // With braces: a unit variant would let unknown keys pass.
    /// The server makes its own.
    SelfSigned {},
    /// PEM files.
    Pem { certificate: PathBuf, key: PathBuf },
    /// A PFX file; its password is in another file.
    Pfx {
        file: PathBuf,
        password_file: PathBuf,
    },
}

impl Default for Tls {
    fn default() -> Self {
        Self::SelfSigned {}
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// A filter such as `info` or `info,gw_http=debug`; `GODWIT_LOG` wins over it.
    pub(crate) filter: String,
    pub(crate) format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info,sqlx=warn".into(),
            format: LogFormat::Text,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Config {
    /// Reads `file`; without one, the default place if there is a file, else the defaults.
    pub(crate) fn read(file: Option<&Path>) -> anyhow::Result<Self> {
        let default = Path::new(DEFAULT_FILE);
        let path = match file {
            Some(path) => path,
            None if default.exists() => default,
            None => return Ok(Self::default()),
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {}", path.display()))?;
        toml::from_str(&text)
            .with_context(|| format!("the configuration {} cannot be used", path.display()))
    }

    /// The folder for data.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.data_dir
            .clone()
            .unwrap_or_else(|| PathBuf::from(DEFAULT_DATA))
    }

    /// The names, or this machine's own when none are given.
    pub(crate) fn names(&self) -> Vec<String> {
        if self.names.is_empty() {
            vec![host_name()]
        } else {
            self.names.clone()
        }
    }

    /// The address to listen on.
    pub(crate) fn listen(&self) -> &str {
        self.listen.as_deref().unwrap_or(DEFAULT_LISTEN)
    }

    /// The certificate source.
    pub(crate) fn certificate(&self) -> anyhow::Result<gw_certs::CertSource> {
        Ok(match &self.tls {
            Tls::SelfSigned {} => gw_certs::CertSource::SelfSigned {
                dir: self.data_dir().join("tls"),
                names: self.names(),
            },
            Tls::Pem { certificate, key } => gw_certs::CertSource::Pem {
                certificate: certificate.clone(),
                key: key.clone(),
            },
            Tls::Pfx {
                file,
                password_file,
            } => {
                let password = zeroize::Zeroizing::new(
                    std::fs::read_to_string(password_file)
                        .with_context(|| format!("cannot read {}", password_file.display()))?,
                );
                let line = password.trim_end_matches(['\r', '\n']).to_owned();
                gw_certs::CertSource::Pfx {
                    file: file.clone(),
                    password: line.into(),
                }
            }
        })
    }

    /// The address agents and browsers use: the first name, and the port unless it is 443.
    pub(crate) fn public_address(&self, port: u16) -> anyhow::Result<String> {
        let Some(name) = self.names().into_iter().next() else {
            bail!("no name is configured")
        };
        let host = match name.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => name,
        };
        Ok(if port == 443 {
            format!("https://{host}")
        } else {
            format!("https://{host}:{port}")
        })
    }
}

fn host_name() -> String {
    let from_system = if cfg!(windows) {
        std::env::var("COMPUTERNAME").ok()
    } else {
        std::fs::read_to_string("/proc/sys/kernel/hostname").ok()
    };
    let name = from_system
        .map(|name| name.trim().to_lowercase())
        .filter(|name| !name.is_empty());
    name.unwrap_or_else(|| "localhost".to_owned())
}

const DEFAULT_FILE: &str = if cfg!(windows) {
    r"C:\ProgramData\Godwit\Server\godwit.toml"
} else {
    "/etc/godwit/godwit.toml"
};
const DEFAULT_DATA: &str = if cfg!(windows) {
    r"C:\ProgramData\Godwit\Server"
} else {
    "/var/lib/godwit"
};
const DEFAULT_LISTEN: &str = "[::]:443";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_in_the_documentation_is_read() {
        let example = include_str!("../godwit.example.toml");
        let config: Config = toml::from_str(example).unwrap();
        assert_eq!(config.names, ["godwit.example.com"]);
        // Every line that is commented out is valid too, with the rest of its section.
        let all: String = example
            .lines()
            .filter(|line| *line != "[tls]" && *line != "source = \"self_signed\"")
            .map(|line| line.strip_prefix("#: ").unwrap_or(line))
            .collect::<Vec<_>>()
            .join("\n");
        let config: Config = toml::from_str(&all).unwrap();
        assert!(matches!(config.tls, Tls::Pfx { .. }));
        assert!(config.database.url.is_some());
    }

    #[test]
    fn unknown_keys_are_errors() {
        for text in [
            "listenn = \"x\"",
            "[tls]\nsource = \"self_signed\"\nfoo = 1",
            "[database]\nurll = \"\"",
        ] {
            assert!(toml::from_str::<Config>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_database_password_does_not_print() {
        let config: Config =
            toml::from_str("[database]\nurl = \"postgres://u:hunter2@h/d\"").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn the_public_address_names_the_port_only_when_needed() {
        let config: Config = toml::from_str("names = [\"fd00::1\"]").unwrap();
        assert_eq!(config.public_address(443).unwrap(), "https://[fd00::1]");
        assert_eq!(
            config.public_address(8443).unwrap(),
            "https://[fd00::1]:8443"
        );
    }
}
