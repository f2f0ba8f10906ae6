//! The TLS certificate of the server: where it comes from, and its replacement
//! while the server runs.
//!
//! What must stay true:
//! - there is always exactly one certificate in use, and its key fits it; a
//!   replacement that cannot be read leaves the old one in place;
//! - the key of the self-signed certificate is made once and kept, because
//!   agents pin it; renewing the certificate does not change the key;
//! - private keys are readable by the server's account only, and are never
//!   logged or put into an error.

mod error;
mod info;
mod load;
mod resolver;
mod self_signed;
mod source;

pub use error::CertError;
pub use info::CertInfo;
pub use load::{Loaded, load};
pub use resolver::{CertResolver, Reload};
pub use source::CertSource;
