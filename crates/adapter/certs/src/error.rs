//! What can be wrong with a certificate source.

use std::path::PathBuf;

/// A certificate cannot be used. The message names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CertError {
    /// A file cannot be read.
    #[error("cannot read {path}; check that it exists and that the server's account may read it")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file of the self-signed certificate cannot be written.
    #[error("cannot write {path}; check that the server's account may write there")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not PEM, or one block of it is broken.
    #[error("{path} is not a PEM file with what was expected in it")]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// A file holds no certificate.
    #[error("{path} holds no certificate; export it together with its chain")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A PFX file cannot be opened.
    #[error("cannot open {path}; the password may be wrong, or it is not a PFX (PKCS #12) file")]
    Pfx {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<p12_keystore::error::Error>,
    },
    /// A PFX file holds no private key.
    #[error("{path} holds no private key; export the certificate with its key")]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key does not fit the certificate, or its type is not supported.
    #[error("the private key of {path} does not fit its certificate, or TLS cannot use it")]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The certificate itself cannot be read.
    #[error("the certificate in {path} cannot be understood: {reason}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// The self-signed certificate cannot be made.
    #[error("cannot make a self-signed certificate for {names:?}; check the names")]
    Make {
        /// The names asked for.
        names: Vec<String>,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
}
