//! SID, ACE, ACL and security descriptor: lossless codec and SID translation.
//!
//! Pure: no I/O, no clock, no randomness, no platform code. Every function
//! takes bytes that may come from a damaged disk and answers with a value or
//! an error; none of them panics.
//!
//! - [`Sid`] names an account; [`SidMap`] says which account becomes which.
//! - [`translate()`] rewrites an encoded descriptor; its module states the rules
//!   to the byte.
//! - [`sids()`] lists who is named in a descriptor and where.
//! - [`SecurityDescriptor`], [`Acl`] and [`Ace`] take a descriptor apart and
//!   put one together; [`sddl()`] prints one for people.
//!
//! Facts are from [MS-DTYP] 2.4 and the resource-attribute and conditional
//! ACE layouts of the same document.

#![warn(missing_docs)]

mod ace;
mod acl;
mod claim;
mod condition;
mod descriptor;
mod exercise;
mod layout;
mod map;
mod sddl;
pub mod sid;
mod sids;
pub mod translate;

pub use ace::{Ace, AceError, AceKind, ace_flags, ace_types};
pub use acl::{Acl, AclError, MAX_ACL_BYTES};
pub use claim::ClaimError;
pub use condition::ConditionError;
pub use descriptor::{SecurityDescriptor, control};
pub use exercise::exercise;
pub use layout::{Part, SdError};
pub use map::{MapError, SidMap};
pub use sddl::sddl;
pub use sid::{Sid, SidError, SidTextError};
pub use sids::{SidRole, sids};
pub use translate::{Mode, Translated, translate};
