//! Where a certificate comes from.

use std::path::PathBuf;

use zeroize::Zeroizing;

/// Where the certificate and its key come from.
#[derive(Clone)]
pub enum CertSource {
    /// Made by the server itself.
    SelfSigned {
        /// Folder for `self-signed.pem` and `self-signed.key`.
        dir: PathBuf,
        /// Host names and IP addresses it shall be valid for; `localhost` is
        /// always among them.
        names: Vec<String>,
    },
    /// PEM files.
    Pem {
        /// The certificate followed by its chain.
        certificate: PathBuf,
        /// The private key; may be the same file.
        key: PathBuf,
    },
    /// A PFX (PKCS #12) file.
    Pfx {
        /// The file.
        file: PathBuf,
        /// Its password.
        password: Zeroizing<String>,
    },
}

impl CertSource {
    /// The word for it: `self_signed`, `pem` or `pfx`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::SelfSigned { .. } => "self_signed",
            Self::Pem { .. } => "pem",
            Self::Pfx { .. } => "pfx",
        }
    }
}

impl std::fmt::Debug for CertSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SelfSigned { dir, names } => f
                .debug_struct("SelfSigned")
                .field("dir", dir)
                .field("names", names)
                .finish(),
            Self::Pem { certificate, key } => f
                .debug_struct("Pem")
                .field("certificate", certificate)
                .field("key", key)
                .finish(),
            Self::Pfx { file, .. } => f
                .debug_struct("Pfx")
                .field("file", file)
                .finish_non_exhaustive(),
        }
    }
}
