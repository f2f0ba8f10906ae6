//! Hands rustls the certificate of the moment.

use std::sync::{Arc, RwLock};

use chrono::{DateTime, Utc};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::{CertError, CertInfo, CertSource, Loaded, load};

/// Gives every new connection the certificate that is in use now.
/// INVARIANT: it always has one; a failed [`CertResolver::reload`] changes nothing.
#[derive(Debug)]
pub struct CertResolver {
    source: CertSource,
    current: RwLock<Loaded>,
}

/// What a reload did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// The source still holds the certificate in use.
    Unchanged,
    /// New connections get another certificate from now on.
    Replaced,
}

impl CertResolver {
    /// Loads `source` for the first time.
    ///
    /// # Errors
    /// As [`load`].
    pub fn new(source: CertSource, now: DateTime<Utc>) -> Result<Self, CertError> {
        let current = RwLock::new(load(&source, now)?);
        Ok(Self { source, current })
    }

    /// Looks at the source again. Cheap enough to be called every minute.
    ///
    /// # Errors
    /// As [`load`]; the certificate in use stays in use.
    pub fn reload(&self, now: DateTime<Utc>) -> Result<Reload, CertError> {
        let fresh = load(&self.source, now)?;
        let mut current = self
            .current
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if current.info == fresh.info && current.key.cert == fresh.key.cert {
            return Ok(Reload::Unchanged);
        }
        *current = fresh;
        Ok(Reload::Replaced)
    }

    /// The certificate in use.
    #[must_use]
    pub fn info(&self) -> CertInfo {
        self.current
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .info
            .clone()
    }
}

impl ResolvesServerCert for CertResolver {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(
            self.current
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .key
                .clone(),
        )
    }
}
