//! Reads a certificate and its key from their source.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{Error as PemError, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::{CertError, CertInfo, CertSource, self_signed};

/// A certificate that is ready for use.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// For rustls.
    pub key: Arc<CertifiedKey>,
    /// For people and pins.
    pub info: CertInfo,
}

/// Reads the certificate that `source` names; makes or renews the self-signed
/// one when that is due at `now`.
///
/// # Errors
/// A file cannot be read or written, or what is in it cannot be used for TLS.
pub fn load(source: &CertSource, now: DateTime<Utc>) -> Result<Loaded, CertError> {
    match source {
        CertSource::SelfSigned { dir, names } => {
            let files = self_signed::ensure(dir, names, now)?;
            load_pem(source.name(), &files.certificate, &files.key)
        }
        CertSource::Pem { certificate, key } => load_pem(source.name(), certificate, key),
        CertSource::Pfx { file, password } => load_pfx(source.name(), file, password),
    }
}

pub(crate) fn load_pem(
    name: &'static str,
    certificate: &Path,
    key: &Path,
) -> Result<Loaded, CertError> {
    let chain = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| CertError::Pem {
            path: certificate.to_path_buf(),
            source,
        })?;
    let private = match PrivateKeyDer::from_pem_slice(&read(key)?) {
        Ok(private) => private,
        Err(PemError::NoItemsFound) => {
            return Err(CertError::NoKey {
                path: key.to_path_buf(),
            });
        }
        Err(source) => {
            return Err(CertError::Pem {
                path: key.to_path_buf(),
                source,
            });
        }
    };
    assemble(name, certificate, chain, &private)
}

fn load_pfx(name: &'static str, file: &Path, password: &str) -> Result<Loaded, CertError> {
    let bytes = read(file)?;
    let store = p12_keystore::KeyStore::from_pkcs12(
        &bytes,
        password,
        p12_keystore::Pkcs12ImportPolicy::Relaxed,
    )
    .map_err(|source| CertError::Pfx {
        path: file.to_path_buf(),
        source: Box::new(source),
    })?;
    let Some((_, entry)) = store.private_key_chain() else {
        return Err(CertError::NoKey {
            path: file.to_path_buf(),
        });
    };
    let chain = entry
        .certs()
        .iter()
        .map(|c| CertificateDer::from(c.as_der().to_vec()))
        .collect();
    let private = PrivatePkcs8KeyDer::from(entry.key().as_der().to_vec()).into();
    assemble(name, file, chain, &private)
}

fn assemble(
    name: &'static str,
    path: &Path,
    chain: Vec<CertificateDer<'static>>,
    private: &PrivateKeyDer<'_>,
) -> Result<Loaded, CertError> {
    let unusable = |source| CertError::Key {
        path: path.to_path_buf(),
        source,
    };
    let Some(first) = chain.first() else {
        return Err(CertError::NoCertificate {
            path: path.to_path_buf(),
        });
    };
    let info = CertInfo::read(name, path, first)?;
    let key = CertifiedKey::new(chain, any_supported_type(private).map_err(unusable)?);
    key.keys_match().map_err(unusable)?;
    Ok(Loaded {
        key: Arc::new(key),
        info,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, CertError> {
    std::fs::read(path).map_err(|source| CertError::Read {
        path: path.to_path_buf(),
        source,
    })
}
