//! Whom to believe at the other end of TLS: the operating system's roots or `--ca FILE`, or a key
//! that the signed key set names. There is no switch that turns checking off.
//!
//! The first `hello` to a self-signed server goes over a connection that is good by neither; its
//! key is noted, nothing secret is sent, and it must turn out to be in the key set that the
//! pre-shared key's pin leads to, before anything else is said.

use gw_wire::keys::{KeyId, sha256};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, aws_lc_rs},
    server::ParsedCertificate,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Whose certificates are good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// The operating system's.
    System,
    /// Those in this PEM file, and no others.
    File(PathBuf),
}

/// TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file with roots cannot be used.
    #[error("{path} holds no certificate in PEM form")]
    Roots {
        /// Which.
        path: PathBuf,
    },
    /// The operating system's roots cannot be used.
    #[error("the operating system's certificates cannot be used; name a file by --ca")]
    System(#[source] Error),
}

/// What is known of the server's TLS keys.
#[derive(Debug, Default)]
struct Keys {
    pins: BTreeSet<KeyId>,
    /// The key of a first contact that is good by nothing yet.
    unproven: Option<KeyId>,
    /// A first contact is going on.
    first_contact: bool,
}

/// Decides by roots, then by pins.
#[derive(Debug)]
pub(crate) struct Verifier {
    roots: Arc<dyn ServerCertVerifier>,
    /// The certificates of a file: a self-signed one is its own authority.
    named: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
    keys: Mutex<Keys>,
}

impl Verifier {
    pub(crate) fn new(roots: &Roots) -> Result<Arc<Self>, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let named = match roots {
            Roots::System => Vec::new(),
            Roots::File(path) => read_certificates(path)?,
        };
        let roots: Arc<dyn ServerCertVerifier> = match roots {
            Roots::System => Arc::new(
                rustls_platform_verifier::Verifier::new(provider.clone())
                    .map_err(TlsError::System)?,
            ),
            Roots::File(path) => WebPkiServerVerifier::builder_with_provider(
                Arc::new(root_store(path, &named)?),
                provider.clone(),
            )
            .build()
            .map_err(|_| TlsError::Roots { path: path.clone() })?,
        };
        Ok(Arc::new(Self {
            roots,
            named,
            provider,
            keys: Mutex::default(),
        }))
    }

    /// A configuration that asks this verifier.
    pub(crate) fn client(self: &Arc<Self>) -> Result<Arc<ClientConfig>, TlsError> {
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::System)?
            .dangerous()
            .with_custom_certificate_verifier(self.clone())
            .with_no_client_auth();
        // A resumed session is not verified again, and the first contact must be.
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }

    pub(crate) fn begin_first_contact(&self, yes: bool) {
        self.keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .first_contact = yes;
    }

    /// Sets the pins. Was the first contact good?
    pub(crate) fn prove(&self, pins: &[KeyId]) -> bool {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.pins = pins.iter().copied().collect();
        match keys.unproven.take() {
            Some(key) => keys.pins.contains(&key),
            None => true,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let by_roots = self.roots.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let Err(refused) = by_roots else {
            return by_roots;
        };
        if self.named.iter().any(|named| named == end_entity) && alone(end_entity, server_name, now)
        {
            return Ok(ServerCertVerified::assertion());
        }
        let key = spki_hash(end_entity)?;
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.pins.contains(&key) {
            return Ok(ServerCertVerified::assertion());
        }
        if keys.first_contact {
            keys.unproven = Some(key);
            return Ok(ServerCertVerified::assertion());
        }
        Err(refused)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Is a certificate that was named as such good by itself, for this server, now? Most tools make
/// self-signed certificates that are authorities by form; a chain must not end in one.
fn alone(certificate: &CertificateDer<'_>, server: &ServerName<'_>, now: UnixTime) -> bool {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else {
        return false;
    };
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let valid = x509_parser::time::ASN1Time::from_timestamp(seconds)
        .is_ok_and(|now| parsed.validity().is_valid_at(now));
    valid
        && ParsedCertificate::try_from(certificate)
            .is_ok_and(|parsed| verify_server_name(&parsed, server).is_ok())
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = || TlsError::Roots {
        path: path.to_owned(),
    };
    CertificateDer::pem_file_iter(path)
        .map_err(|_| wrong())?
        .map(|certificate| certificate.map_err(|_| wrong()))
        .collect()
}

fn root_store(path: &Path, named: &[CertificateDer<'static>]) -> Result<RootCertStore, TlsError> {
    let wrong = || TlsError::Roots {
        path: path.to_owned(),
    };
    let mut store = RootCertStore::empty();
    for certificate in named {
        store.add(certificate.clone()).map_err(|_| wrong())?;
    }
    if store.is_empty() {
        return Err(wrong());
    }
    Ok(store)
}

fn spki_hash(certificate: &CertificateDer<'_>) -> Result<KeyId, Error> {
    let bad = Error::InvalidCertificate(CertificateError::BadEncoding);
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|_| bad)?;
    Ok(KeyId(sha256(parsed.tbs_certificate.subject_pki.raw)))
}
