//! Whose certificate is believed, and what to say when one is not.

use gw_directory::{CertificateProblem, DirectoryError, Trust, TrustError};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use rustls_platform_verifier::Verifier;
use sha2::{Digest, Sha256};
use std::{fmt, sync::Arc};

/// The TLS client configuration for the trust settings: TLS 1.2 and 1.3, aws-lc-rs.
pub(crate) fn config(trust: &Trust) -> Result<Arc<ClientConfig>, TrustError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::System => Arc::new(Verifier::new(provider.clone()).map_err(no_system_store)?),
        Trust::Ca { pem } => WebPkiServerVerifier::builder_with_provider(
            Arc::new(authorities(pem)?),
            provider.clone(),
        )
        .build()
        .map_err(|error| TrustError::BadCertificate {
            position: 1,
            cause: error.to_string(),
        })?,
        Trust::Pin { sha256 } => Arc::new(PinVerifier {
            pin: Trust::pin_bytes(sha256)?,
            provider: provider.clone(),
        }),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(no_system_store)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn no_system_store(error: rustls::Error) -> TrustError {
    TrustError::NoSystemStore {
        cause: error.to_string(),
    }
}

pub(crate) fn authorities(pem: &str) -> Result<RootCertStore, TrustError> {
    let mut store = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(pem.as_bytes()).enumerate() {
        let bad = |cause: String| TrustError::BadCertificate {
            position: index + 1,
            cause,
        };
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        store
            .add(certificate)
            .map_err(|error| bad(error.to_string()))?;
    }
    if store.is_empty() {
        return Err(TrustError::NoCertificate);
    }
    Ok(store)
}

/// Believes one certificate or key. The handshake's signature is still checked, so only the holder
/// of that key passes; issuer, name and dates are not looked at (RFC 7469 pins keys for the same
/// reason: they outlive certificates).
#[derive(Debug)]
struct PinVerifier {
    pin: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let (_, parsed) = x509_parser::parse_x509_certificate(end_entity)
            .map_err(|_| rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let certificate: [u8; 32] = Sha256::digest(end_entity).into();
        let key: [u8; 32] = Sha256::digest(parsed.tbs_certificate.subject_pki.raw).into();
        if certificate == self.pin || key == self.pin {
            return Ok(ServerCertVerified::assertion());
        }
        let mismatch = PinMismatch { certificate, key };
        Err(rustls::Error::InvalidCertificate(CertificateError::Other(
            OtherError(Arc::new(mismatch)),
        )))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Carries what was seen instead of the pin through the TLS library to [`handshake_error`].
#[derive(Debug)]
struct PinMismatch {
    certificate: [u8; 32],
    key: [u8; 32],
}

impl fmt::Display for PinMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the certificate is not the pinned one")
    }
}

impl std::error::Error for PinMismatch {}

/// A failed handshake in our words.
pub(crate) fn handshake_error(host: &str, port: u16, error: &std::io::Error) -> DirectoryError {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(problem)) => DirectoryError::Certificate {
            host: host.into(),
            problem: certificate_problem(problem),
        },
        Some(rustls::Error::InvalidMessage(_)) => DirectoryError::NotTls {
            host: host.into(),
            port,
            cause: "the answer is not TLS".into(),
        },
        Some(other) => DirectoryError::Tls {
            host: host.into(),
            cause: other.to_string(),
        },
        None => DirectoryError::NotTls {
            host: host.into(),
            port,
            cause: format!("the connection ended during the handshake ({error})"),
        },
    }
}

fn certificate_problem(problem: &CertificateError) -> CertificateProblem {
    match problem {
        CertificateError::UnknownIssuer => CertificateProblem::UnknownIssuer,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            CertificateProblem::Expired
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            CertificateProblem::NotYetValid
        }
        CertificateError::Revoked => CertificateProblem::Revoked,
        CertificateError::NotValidForName => CertificateProblem::NameMismatch {
            names: vec!["other names".into()],
        },
        CertificateError::NotValidForNameContext { presented, .. } => {
            CertificateProblem::NameMismatch {
                names: presented.iter().map(|name| plain_name(name)).collect(),
            }
        }
        CertificateError::Other(OtherError(inner)) => match inner.downcast_ref::<PinMismatch>() {
            Some(seen) => CertificateProblem::PinMismatch {
                certificate: hex::encode(seen.certificate),
                key: hex::encode(seen.key),
            },
            None => CertificateProblem::Other {
                cause: problem.to_string(),
            },
        },
        other => CertificateProblem::Other {
            cause: other.to_string(),
        },
    }
}

/// `DnsName("dc1.example")` as `dc1.example`.
fn plain_name(presented: &str) -> String {
    presented
        .split_once('"')
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or(presented, |(name, _)| name)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_settings_that_hold_nothing_are_refused() {
        assert_eq!(
            config(&Trust::Ca {
                pem: "nonsense".into()
            })
            .err(),
            Some(TrustError::NoCertificate)
        );
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(
            config(&Trust::Ca { pem: broken.into() }).err(),
            Some(TrustError::BadCertificate { position: 1, .. })
        ));
        assert!(
            config(&Trust::Pin {
                sha256: "abc".into()
            })
            .is_err()
        );
        assert!(
            config(&Trust::Pin {
                sha256: "ab".repeat(32)
            })
            .is_ok()
        );
    }

    #[test]
    fn names_lose_the_librarys_dressing() {
        assert_eq!(
            plain_name("DnsName(\"dc1.source.test\")"),
            "dc1.source.test"
        );
        assert_eq!(plain_name("dc1"), "dc1");
    }
}
