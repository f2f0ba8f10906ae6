//! How a use case refuses: each group has its own error enum, all of them say the same four things.

/// What a refusal means to the caller; the transport turns it into a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 404: no such thing, or not for this caller.
    NotFound,
    /// 409: it contradicts what is there; the message names it.
    Conflict,
    /// 412: someone changed it meanwhile; read again.
    Stale,
    /// 422: the request means nothing useful; the message says why.
    Invalid,
    /// 401: not signed in, or the wrong name or password.
    Unknown,
    /// 403: signed in, but not allowed now.
    Forbidden,
    /// 429: too often; try again after so many seconds.
    Throttled {
        /// Seconds to wait.
        after: u64,
    },
    /// 503: cannot be done now, through no fault of the request.
    Unavailable,
    /// 500: our fault; the message says nothing internal.
    Internal,
}

/// A refusal as the transport shows it. `Display` gives the sentence for people.
pub trait Refused: std::error::Error {
    /// What it means to the caller.
    fn kind(&self) -> Kind;
    /// A stable machine-readable code, such as `batch.device_in_other_batch`.
    fn code(&self) -> &'static str;
    /// The field of the request at fault, if there is one.
    fn field(&self) -> Option<&'static str> {
        None
    }
}

/// Something inside failed: the database, the key file, a bug. Shown to callers as one plain
/// sentence; the cause is logged where it happened.
#[derive(Debug, thiserror::Error)]
#[error("the server could not finish this; its log says why (try again, then look there)")]
pub struct Internal(#[source] pub Box<dyn std::error::Error + Send + Sync>);

impl From<gw_store::StoreError> for Internal {
    fn from(error: gw_store::StoreError) -> Self {
        tracing::error!(error = %Chain(&error), "The store failed");
        Self(Box::new(error))
    }
}

impl From<crate::SealerError> for Internal {
    fn from(error: crate::SealerError) -> Self {
        tracing::error!(error = %Chain(&error), "A stored secret could not be used");
        Self(Box::new(error))
    }
}

impl From<serde_json::Error> for Internal {
    fn from(error: serde_json::Error) -> Self {
        tracing::error!(error = %error, "A stored document could not be read");
        Self(Box::new(error))
    }
}

impl Refused for Internal {
    fn kind(&self) -> Kind {
        Kind::Internal
    }
    fn code(&self) -> &'static str {
        "internal"
    }
}

/// An error with its whole chain of causes, for logs.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

/// Implements [`Refused`] for an error enum from a table, and the conversions every enum needs.
macro_rules! refused {
    ($name:ident { $($pattern:pat => $kind:expr, $code:literal $(, $field:literal)?;)* }) => {
        impl $crate::Refused for $name {
            fn kind(&self) -> $crate::Kind {
                #[allow(unused_imports, reason = "a table need not use every kind")]
                use $crate::Kind::*;
                match self {
                    Self::Inner(_) => Internal,
                    $($pattern => $kind,)*
                }
            }
            fn code(&self) -> &'static str {
                #[allow(unused_variables, reason = "the pattern serves the kind as well")]
                match self {
                    Self::Inner(_) => "internal",
                    $($pattern => $code,)*
                }
            }
            fn field(&self) -> Option<&'static str> {
                #[allow(unreachable_patterns, unused_variables, reason = "a table need not name fields")]
                #[allow(clippy::match_single_binding, reason = "nor any of them")]
                match self {
                    $($($pattern => Some($field),)?)*
                    _ => None,
                }
            }
        }
        impl From<gw_store::StoreError> for $name {
            fn from(error: gw_store::StoreError) -> Self {
                Self::Inner(error.into())
            }
        }
        impl From<$crate::SealerError> for $name {
            fn from(error: $crate::SealerError) -> Self {
                Self::Inner(error.into())
            }
        }
        impl From<serde_json::Error> for $name {
            fn from(error: serde_json::Error) -> Self {
                Self::Inner(error.into())
            }
        }
    };
}
pub(crate) use refused;
