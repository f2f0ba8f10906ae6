//! How to reach a directory: where, over which kind of TLS, trusting whom, signed in as whom.

use crate::Secret;
use serde::{Deserialize, Serialize};
use std::{net::IpAddr, time::Duration};

/// Everything needed to open a connection to an Active Directory domain controller.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// DNS name (or IPv4 address) of the domain controller. The certificate must be valid for it
    /// unless [`Trust::Pin`] is used.
    pub host: String,
    /// Connect to this address instead of what `host` resolves to; the certificate is still
    /// checked against `host`. For split DNS and tunnels.
    pub address: Option<IpAddr>,
    /// TCP port; [`Transport::default_port`] is the usual one.
    pub port: u16,
    /// TLS from the first byte, or StartTLS. There is no plain transport.
    pub transport: Transport,
    /// Whose certificates are believed. There is no "accept any".
    pub trust: Trust,
    /// Where searches start; `None` means the domain's own root (`defaultNamingContext`).
    pub base_dn: Option<String>,
    /// Who signs in.
    pub bind: BindAccount,
    /// Further LDAP attributes to import, as the administrator wrote them.
    pub extra_attributes: Vec<String>,
    /// Objects per page, 1 to 1,000 (AD's `MaxPageSize`); adapters clamp it.
    pub page_size: u32,
    /// Limits for every step.
    pub timeouts: Timeouts,
}

/// How TLS starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// TLS from the first byte, usually port 636.
    Ldaps,
    /// LDAP upgraded by the StartTLS operation before anything else is said, usually port 389.
    StartTls,
}

impl Transport {
    /// The port this transport usually has.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Ldaps => 636,
            Self::StartTls => 389,
        }
    }
}

/// Whose certificate is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Trust {
    /// The operating system's certificate store.
    System,
    /// Only these certificate authorities.
    Ca {
        /// One or more PEM certificates.
        pem: String,
    },
    /// Exactly this key or certificate; issuer, name and dates do not matter then, the pin does.
    Pin {
        /// 64 hex digits: SHA-256 of the certificate or of its SubjectPublicKeyInfo. Colons and
        /// spaces are ignored.
        sha256: String,
    },
}

impl Trust {
    /// The 32 bytes of a pin's text.
    ///
    /// # Errors
    /// If it is not 64 hex digits.
    pub fn pin_bytes(text: &str) -> Result<[u8; 32], TrustError> {
        let digits: Vec<u8> = text
            .chars()
            .filter(|c| !matches!(c, ':' | ' ' | '-'))
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()
            .ok_or(TrustError::PinNotHex)?;
        let mut pin = [0; 32];
        if digits.len() != 64 {
            return Err(TrustError::PinLength {
                digits: digits.len(),
            });
        }
        for (byte, pair) in pin.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        Ok(pin)
    }
}

/// The certificate trust settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// A pin with other characters than hex digits.
    #[error("the pin holds characters that are not hexadecimal digits")]
    PinNotHex,
    /// A pin of the wrong length.
    #[error("the pin has {digits} hexadecimal digits instead of 64 (SHA-256)")]
    PinLength {
        /// How many digits it has.
        digits: usize,
    },
    /// The PEM text holds no certificate.
    #[error("the certificate authority text holds no PEM certificate")]
    NoCertificate,
    /// A certificate in the PEM text cannot be read.
    #[error("certificate {position} of the certificate authority text cannot be used: {cause}")]
    BadCertificate {
        /// 1 for the first certificate.
        position: usize,
        /// What is wrong with it.
        cause: String,
    },
    /// The operating system has no usable certificate store.
    #[error("the operating system's certificate store cannot be used: {cause}")]
    NoSystemStore {
        /// What went wrong.
        cause: String,
    },
}

/// Who signs in to the directory.
#[derive(Debug, Clone)]
pub struct BindAccount {
    /// `user@domain`, a distinguished name, or `DOMAIN\user`.
    pub account: String,
    /// Its password. An empty one is refused: AD would take it for an anonymous bind.
    pub password: Secret,
}

/// How long each step may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    /// Name resolution.
    pub resolve: Duration,
    /// TCP connection and TLS handshake, each.
    pub connect: Duration,
    /// The answer to one request, and the pause between two entries of a search.
    pub answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            resolve: Duration::from_secs(5),
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(60),
        }
    }
}

impl ConnectionSettings {
    /// LDAPS on 636 with system trust and the default limits.
    #[must_use]
    pub fn ldaps(host: impl Into<String>, bind: BindAccount) -> Self {
        Self {
            host: host.into(),
            address: None,
            port: Transport::Ldaps.default_port(),
            transport: Transport::Ldaps,
            trust: Trust::System,
            base_dn: None,
            bind,
            extra_attributes: Vec::new(),
            page_size: 1000,
            timeouts: Timeouts::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_read_in_the_forms_people_paste() {
        let plain = "00ff".repeat(16);
        let colons = vec!["00:FF"; 16].join(":");
        assert_eq!(Trust::pin_bytes(&plain), Trust::pin_bytes(&colons));
        assert_eq!(Trust::pin_bytes(&plain).map(|pin| pin[1]), Ok(0xff));
        assert_eq!(
            Trust::pin_bytes("00ff"),
            Err(TrustError::PinLength { digits: 4 })
        );
        assert_eq!(Trust::pin_bytes("zz"), Err(TrustError::PinNotHex));
    }
}
