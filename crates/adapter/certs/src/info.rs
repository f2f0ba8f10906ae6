//! What a person or a pin needs to know of a certificate.

use std::net::IpAddr;
use std::path::Path;

use chrono::{DateTime, Utc};
use rustls_pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::CertError;

/// A certificate in use, described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertInfo {
    /// `self_signed`, `pem` or `pfx`.
    pub source: &'static str,
    /// DNS names and addresses it is valid for, sorted.
    pub names: Vec<String>,
    /// SHA-256 of the certificate (DER), lower-case hexadecimal.
    pub sha256: String,
    /// SHA-256 of the subject's public key (SPKI, DER): what agents pin.
    pub key_sha256: [u8; 32],
    /// From when it is valid.
    pub not_before: DateTime<Utc>,
    /// Until when it is valid.
    pub not_after: DateTime<Utc>,
}

impl CertInfo {
    /// Reads it from `certificate`, found in `path`.
    ///
    /// # Errors
    /// The certificate is not X.509.
    pub(crate) fn read(
        source: &'static str,
        path: &Path,
        certificate: &CertificateDer<'_>,
    ) -> Result<Self, CertError> {
        let broken = |reason: String| CertError::Certificate {
            path: path.to_path_buf(),
            reason,
        };
        let (_, x509) =
            X509Certificate::from_der(certificate).map_err(|e| broken(e.to_string()))?;
        let alternatives = x509
            .subject_alternative_name()
            .map_err(|e| broken(e.to_string()))?;
        let mut names: Vec<String> = alternatives
            .iter()
            .flat_map(|extension| &extension.value.general_names)
            .filter_map(name_text)
            .collect();
        names.sort();
        let time = |seconds: i64| {
            DateTime::from_timestamp(seconds, 0)
                .ok_or_else(|| broken("its dates are out of range".into()))
        };
        Ok(Self {
            source,
            names,
            sha256: hex::encode(Sha256::digest(certificate)),
            key_sha256: Sha256::digest(x509.public_key().raw).into(),
            not_before: time(x509.validity().not_before.timestamp())?,
            not_after: time(x509.validity().not_after.timestamp())?,
        })
    }
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_lowercase()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes)
                .ok()
                .map(|b| IpAddr::from(b).to_string()),
            16 => <[u8; 16]>::try_from(*bytes)
                .ok()
                .map(|b| IpAddr::from(b).to_string()),
            _ => None,
        },
        _ => None,
    }
}
