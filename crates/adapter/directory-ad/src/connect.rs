//! From settings to a signed-in session, one stage at a time, so that *test connection* can name
//! the stage that fails.

use crate::{
    session::Session,
    starttls::{self, StartTlsError},
    tls,
};
use gw_directory::{ConnectionSettings, DirectoryError, Transport};
use ldap3::{LdapConnAsync, LdapConnSettings, LdapError, StdStream};
use rustls::ClientConfig;
use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};

/// All stages.
pub(crate) async fn open(settings: &ConnectionSettings) -> Result<Session, DirectoryError> {
    check_settings(settings)?;
    check_bind(settings)?;
    let config = tls::config(&settings.trust)?;
    let addresses = resolve(settings).await?;
    let stream = dial(settings, &addresses).await?;
    let session = secure(settings, stream, config).await?;
    session.sign_in(&settings.bind).await?;
    Ok(session)
}

/// What can be refused without asking anybody.
pub(crate) fn check_settings(settings: &ConnectionSettings) -> Result<(), DirectoryError> {
    let wrong = |setting, cause: &str| {
        Err(DirectoryError::Setting {
            setting,
            cause: cause.into(),
        })
    };
    let host = settings.host.as_str();
    if host.is_empty() {
        return wrong("host", "it is empty");
    }
    if host.parse::<std::net::Ipv6Addr>().is_ok() || host.starts_with('[') {
        return wrong(
            "host",
            "enter the host name and give the IPv6 address as the address to connect to",
        );
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !host.chars().all(allowed) || host.len() > 253 {
        return wrong("host", "it is neither a host name nor an IPv4 address");
    }
    if let Some(bad) = settings
        .extra_attributes
        .iter()
        .find(|name| !is_attribute(name))
    {
        return Err(DirectoryError::Setting {
            setting: "attributes",
            cause: format!("`{}` is not an LDAP attribute name", bad.escape_debug()),
        });
    }
    Ok(())
}

/// What can be refused about the account without asking anybody.
pub(crate) fn check_bind(settings: &ConnectionSettings) -> Result<(), DirectoryError> {
    let wrong = |setting, cause: &str| {
        Err(DirectoryError::Setting {
            setting,
            cause: cause.into(),
        })
    };
    if settings.bind.account.trim().is_empty() {
        return wrong("account", "it is empty");
    }
    if settings.bind.password.is_empty() {
        return wrong(
            "password",
            "it is empty; a directory would take that for an anonymous sign-in",
        );
    }
    Ok(())
}

/// RFC 4512 `keystring` (AD knows no options here that we would ask for).
fn is_attribute(name: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Name resolution.
pub(crate) async fn resolve(
    settings: &ConnectionSettings,
) -> Result<Vec<SocketAddr>, DirectoryError> {
    if let Some(address) = settings.address {
        return Ok(vec![SocketAddr::new(address, settings.port)]);
    }
    if let Ok(address) = settings.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, settings.port)]);
    }
    let host = settings.host.clone();
    let failed = |cause: String| DirectoryError::NameNotFound {
        host: host.clone(),
        cause,
    };
    let lookup = tokio::net::lookup_host((settings.host.as_str(), settings.port));
    let addresses: Vec<_> = timeout(settings.timeouts.resolve, lookup)
        .await
        .map_err(|_| failed(format!("no answer within {:?}", settings.timeouts.resolve)))?
        .map_err(|error| failed(error.to_string()))?
        .collect();
    if addresses.is_empty() {
        return Err(failed("it has no address".into()));
    }
    Ok(addresses)
}

/// TCP to the first address that answers.
pub(crate) async fn dial(
    settings: &ConnectionSettings,
    addresses: &[SocketAddr],
) -> Result<TcpStream, DirectoryError> {
    let mut last = None;
    for address in addresses {
        let what = format!("connecting to {} ({address})", settings.host);
        match limited(
            &what,
            settings.timeouts.connect,
            TcpStream::connect(address),
        )
        .await
        {
            Ok(Ok(stream)) => {
                // Small requests wait for small answers; failing to say so only costs time.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = Some(dial_error(settings, *address, &error)),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| DirectoryError::NameNotFound {
        host: settings.host.clone(),
        cause: "it has no address".into(),
    }))
}

fn dial_error(
    settings: &ConnectionSettings,
    address: SocketAddr,
    error: &std::io::Error,
) -> DirectoryError {
    let host = format!("{} ({})", settings.host, address.ip());
    let port = settings.port;
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => DirectoryError::PortRefused { host, port },
        _ => DirectoryError::Unreachable {
            host,
            port,
            cause: error.to_string(),
        },
    }
}

/// StartTLS if asked for, then TLS with the certificate check.
pub(crate) async fn secure(
    settings: &ConnectionSettings,
    mut stream: TcpStream,
    config: Arc<ClientConfig>,
) -> Result<Session, DirectoryError> {
    let (host, port) = (settings.host.clone(), settings.port);
    let what = format!("starting TLS with {host} port {port}");
    let limit = settings.timeouts.connect;
    if settings.transport == Transport::StartTls {
        limited(&what, limit, starttls::negotiate(&mut stream))
            .await?
            .map_err(|error| starttls_error(&host, port, &error))?;
    }
    let stream = stream
        .into_std()
        .map_err(|error| DirectoryError::ConnectionLost {
            host: host.clone(),
            what: "starting TLS".into(),
            cause: error.to_string(),
        })?;
    // The library is told "ldaps" either way: what is left to do on this stream is TLS.
    let library = LdapConnSettings::new()
        .set_config(config)
        .set_std_stream(StdStream::Tcp(stream));
    let url = format!("ldaps://{host}:{port}");
    match limited(&what, limit, LdapConnAsync::with_settings(library, &url)).await? {
        Ok((connection, ldap)) => Ok(Session::new(connection, ldap, settings)),
        Err(LdapError::Io { source }) => Err(tls::handshake_error(&host, port, &source)),
        Err(LdapError::UrlParsing { .. } | LdapError::DNSName { .. }) => {
            Err(DirectoryError::Setting {
                setting: "host",
                cause: "it is not a host name".into(),
            })
        }
        Err(other) => Err(DirectoryError::Tls {
            host,
            cause: other.to_string(),
        }),
    }
}

fn starttls_error(host: &str, port: u16, error: &StartTlsError) -> DirectoryError {
    let host = host.to_owned();
    match error {
        StartTlsError::Io(error) => DirectoryError::NotTls {
            host,
            port,
            cause: format!("the connection ended when asked for StartTLS ({error})"),
        },
        StartTlsError::NotLdap => DirectoryError::NotTls {
            host,
            port,
            cause: "the answer to StartTLS is not LDAP; an LDAPS port does not take StartTLS"
                .into(),
        },
        StartTlsError::Refused(code) => DirectoryError::StartTlsRefused {
            host,
            port,
            cause: format!("LDAP code {code}; the domain controller may have no certificate"),
        },
    }
}

async fn limited<T>(
    what: &str,
    after: Duration,
    future: impl Future<Output = T>,
) -> Result<T, DirectoryError> {
    timeout(after, future)
        .await
        .map_err(|_| DirectoryError::TimedOut {
            what: what.to_owned(),
            after,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gw_directory::{BindAccount, Secret};

    fn settings(host: &str, password: &str) -> ConnectionSettings {
        let bind = BindAccount {
            account: "a@b".into(),
            password: Secret::new(password),
        };
        ConnectionSettings::ldaps(host, bind)
    }

    #[test]
    fn an_empty_password_never_becomes_an_anonymous_sign_in() {
        let refused = check_bind(&settings("dc1.a.test", "")).unwrap_err();
        assert_eq!(refused.code(), "setting");
        assert!(check_bind(&settings("dc1.a.test", "x")).is_ok());
    }

    #[test]
    fn hosts_and_attributes_are_checked_before_use() {
        for host in [
            "",
            "a b",
            "dc1/x",
            "[::1]",
            "::1",
            "dc1:636",
            "ldaps://dc1",
            "dc1\0",
        ] {
            assert!(check_settings(&settings(host, "x")).is_err(), "{host}");
        }
        let mut odd = settings("dc1", "x");
        odd.extra_attributes = vec!["employeeID".into(), "a)(b".into()];
        assert!(check_settings(&odd).is_err());
    }
}
