//! Secrets at rest: XChaCha20-Poly1305 under a key that lies outside the database.
//!
//! Every sealed value is bound to its place (`context`), so that one copied to another row does
//! not open there. Form: version 1, 24 bytes of nonce, ciphertext with tag.

use crate::Entropy;
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead as _, KeyInit as _, Payload},
};
use std::{
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};
use zeroize::Zeroizing;

/// Seals and opens secrets. Cheap to clone.
#[derive(Clone)]
pub struct Sealer {
    cipher: Arc<XChaCha20Poly1305>,
}

/// The key file or a sealed value cannot be used. Names no secret.
#[derive(Debug, thiserror::Error)]
pub enum SealerError {
    /// The key file cannot be read or made.
    #[error(
        "the key file {path} cannot be used; restore it from a backup, without it no stored secret opens"
    )]
    File {
        /// Where it should be.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The key file has another length.
    #[error("the key file {path} is not 32 bytes long; restore it from a backup")]
    Length {
        /// Where it is.
        path: PathBuf,
    },
    /// Sealed by another key, for another place, or damaged.
    #[error(
        "the sealed value of {context} does not open; the key file is not the one that it was sealed with"
    )]
    Open {
        /// Which value.
        context: String,
    },
    /// Not possible for values shorter than 256 GiB.
    #[error("the value of {context} cannot be sealed")]
    Seal {
        /// Which value.
        context: String,
    },
}

impl Sealer {
    /// With a key of 32 bytes.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self {
            cipher: Arc::new(XChaCha20Poly1305::new(key.into())),
        }
    }

    /// With the key in a file, which is made (readable by its owner only) if it is not there.
    ///
    /// # Errors
    /// The file cannot be read or made, or holds something else.
    pub fn from_file(path: &Path, entropy: &dyn Entropy) -> Result<Self, SealerError> {
        let failed = |source| SealerError::File {
            path: path.to_owned(),
            source,
        };
        let mut key = Zeroizing::new([0_u8; 32]);
        match std::fs::File::open(path) {
            Ok(file) => {
                let mut read = Zeroizing::new(Vec::with_capacity(33));
                file.take(33).read_to_end(&mut read).map_err(failed)?;
                if read.len() != 32 {
                    return Err(SealerError::Length {
                        path: path.to_owned(),
                    });
                }
                key.copy_from_slice(&read);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                entropy.fill(key.as_mut_slice());
                let mut options = std::fs::OpenOptions::new();
                options.write(true).create_new(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let mut file = options.open(path).map_err(failed)?;
                file.write_all(key.as_slice())
                    .and_then(|()| file.sync_all())
                    .map_err(failed)?;
            }
            Err(error) => return Err(failed(error)),
        }
        Ok(Self::new(&key))
    }

    /// Seals a secret for one place.
    ///
    /// # Errors
    /// The value is absurdly long.
    pub fn seal(
        &self,
        entropy: &dyn Entropy,
        context: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>, SealerError> {
        let mut nonce = [0; 24];
        entropy.fill(&mut nonce);
        let payload = Payload {
            msg: plain,
            aad: context.as_bytes(),
        };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealerError::Seal {
                context: context.to_owned(),
            })?;
        Ok([&[1], nonce.as_slice(), &sealed].concat())
    }

    /// Opens a secret of one place.
    ///
    /// # Errors
    /// It was sealed by another key or for another place, or is damaged.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealerError> {
        let failed = || SealerError::Open {
            context: context.to_owned(),
        };
        let rest = sealed.strip_prefix(&[1]).ok_or_else(failed)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<24>().ok_or_else(failed)?;
        let payload = Payload {
            msg: ciphertext,
            aad: context.as_bytes(),
        };
        let plain = self
            .cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| failed())?;
        Ok(Zeroizing::new(plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    #[test]
    fn a_value_opens_in_its_own_place_only() {
        let (sealer, entropy) = (Sealer::new(&[7; 32]), SeededEntropy::new(1));
        let sealed = sealer.seal(&entropy, "directory 1", b"hunter2").unwrap();
        assert!(!sealed.windows(7).any(|part| part == b"hunter2"));
        assert_eq!(
            sealer.open("directory 1", &sealed).unwrap().as_slice(),
            b"hunter2"
        );
        assert!(sealer.open("directory 2", &sealed).is_err());
        assert!(Sealer::new(&[8; 32]).open("directory 1", &sealed).is_err());
        let again = sealer.seal(&entropy, "directory 1", b"hunter2").unwrap();
        assert_ne!(sealed, again, "a fresh nonce each time");
    }
}
