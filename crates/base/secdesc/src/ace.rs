//! Access control entries.
//!
//! An ACE is a 4-byte header (type, flags, size) and a body that depends on the
//! type ([MS-DTYP] 2.4.4). Only the types below hold SIDs that can be accounts:
//!
//! | type | where |
//! |---|---|
//! | 0, 1, 2 allow, deny, audit | SID at 8 |
//! | 5, 6, 7 the same for objects | SID at 12, 28 or 44 by the object flags at 8 |
//! | 9, 10, 13 callback | SID at 8 and SID literals of the condition behind it |
//! | 11, 12, 15 callback for objects | as 5 to 7, and the condition |
//! | 18 resource attribute | only the values of a SID-typed claim behind the SID at 8 |
//! | 21 access filter | only the SID literals of the condition behind the SID at 8 |
//!
//! Labels (17), scoped policies (19), trust labels (20), the reserved types and
//! every type not known are kept byte for byte and not looked into.

use crate::claim::{self, ClaimError};
use crate::condition::{self, ConditionError};
use crate::layout::u32_at;
use crate::map::SidMap;
use crate::sid::{self, Sid, SidError};

/// Numbers of the ACE types.
pub mod ace_types {
    #![allow(missing_docs, reason = "each is named as in [MS-DTYP] 2.4.4.1")]
    pub const ALLOW: u8 = 0;
    pub const DENY: u8 = 1;
    pub const AUDIT: u8 = 2;
    pub const OBJECT_ALLOW: u8 = 5;
    pub const OBJECT_DENY: u8 = 6;
    pub const OBJECT_AUDIT: u8 = 7;
    pub const CALLBACK_ALLOW: u8 = 9;
    pub const CALLBACK_DENY: u8 = 10;
    pub const CALLBACK_OBJECT_ALLOW: u8 = 11;
    pub const CALLBACK_OBJECT_DENY: u8 = 12;
    pub const CALLBACK_AUDIT: u8 = 13;
    pub const CALLBACK_OBJECT_AUDIT: u8 = 15;
    pub const MANDATORY_LABEL: u8 = 17;
    pub const RESOURCE_ATTRIBUTE: u8 = 18;
    pub const SCOPED_POLICY_ID: u8 = 19;
    pub const PROCESS_TRUST_LABEL: u8 = 20;
    pub const ACCESS_FILTER: u8 = 21;
}

/// Bits of the ACE flags.
pub mod ace_flags {
    #![allow(missing_docs, reason = "each is named as in [MS-DTYP] 2.4.4.1")]
    pub const OBJECT_INHERIT: u8 = 0x01;
    pub const CONTAINER_INHERIT: u8 = 0x02;
    pub const NO_PROPAGATE: u8 = 0x04;
    pub const INHERIT_ONLY: u8 = 0x08;
    pub const INHERITED: u8 = 0x10;
    pub const AUDIT_SUCCESS: u8 = 0x40;
    pub const AUDIT_FAILURE: u8 = 0x80;
}

/// Shape of the body of an ACE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AceKind {
    /// Mask and SID.
    Basic,
    /// Mask, object flags, up to two GUIDs and SID.
    Object,
    /// As `Basic`, then application data (a condition).
    Callback,
    /// As `Object`, then application data (a condition).
    CallbackObject,
    /// Integrity label, scoped policy or process trust label: mask and a SID that is no account.
    Label,
    /// Mask, SID and a claim.
    ResourceAttribute,
    /// Mask, SID and a condition; the SID is no account.
    AccessFilter,
    /// Reserved or not known: nothing is said about the body.
    Opaque,
}

impl AceKind {
    /// The shape that belongs to an ACE type.
    #[must_use]
    pub const fn of(ace_type: u8) -> Self {
        match ace_type {
            0..=2 => Self::Basic,
            5..=7 => Self::Object,
            9 | 10 | 13 => Self::Callback,
            11 | 12 | 15 => Self::CallbackObject,
            17 | 19 | 20 => Self::Label,
            18 => Self::ResourceAttribute,
            21 => Self::AccessFilter,
            _ => Self::Opaque,
        }
    }

    /// Whether the body begins with object flags and GUIDs.
    #[must_use]
    pub const fn is_object(self) -> bool {
        matches!(self, Self::Object | Self::CallbackObject)
    }
}

/// Why the inside of an ACE cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AceError {
    /// The body ends before its SID begins.
    #[error("an ACE of type {ace_type} with {size} bytes is too short for its SID")]
    TooShort {
        /// Type of the ACE.
        ace_type: u8,
        /// Bytes of the ACE.
        size: usize,
    },
    /// The size field is not the number of bytes given.
    #[error("the ACE says it has {size} bytes where there are {have}")]
    Size {
        /// What the size field says (0 where not even that is there).
        size: usize,
        /// Bytes there are.
        have: usize,
    },
    /// Its SID.
    #[error("the SID of the ACE cannot be read")]
    Sid(#[from] SidError),
    /// Its condition.
    #[error("the condition of the ACE cannot be read")]
    Condition(#[from] ConditionError),
    /// Its claim.
    #[error("the resource attribute of the ACE cannot be read")]
    Claim(#[from] ClaimError),
}

/// One access control entry, kept as its bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ace {
    // INVARIANT: at least 4 bytes, as many as the size field says, and
    // understood as far as `visit` looks into the type.
    bytes: Vec<u8>,
}

impl Ace {
    /// An ACE of a basic type (allow, deny, audit) and any other that is mask and SID.
    #[must_use]
    pub fn new(ace_type: u8, flags: u8, mask: u32, sid: &Sid) -> Self {
        let size = 8 + sid.encoded_len();
        let mut bytes = vec![ace_type, flags, size as u8, 0];
        bytes.extend(mask.to_le_bytes());
        bytes.extend_from_slice(sid.as_bytes());
        Self { bytes }
    }

    /// Takes one encoded ACE of any type.
    ///
    /// # Errors
    /// When the size field does not fit or the body of a known type cannot be understood.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AceError> {
        let size = match bytes {
            [_, _, low, high, ..] => usize::from(u16::from_le_bytes([*low, *high])),
            _ => 0,
        };
        if size < 4 || size != bytes.len() {
            return Err(AceError::Size {
                size,
                have: bytes.len(),
            });
        }
        visit(bytes, &mut |_, _, _| {})?;
        Ok(Self {
            bytes: bytes.to_vec(),
        })
    }

    /// The encoded ACE.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The ACE type, see [`ace_types`].
    #[must_use]
    pub fn ace_type(&self) -> u8 {
        self.bytes[0]
    }

    /// The shape of the body.
    #[must_use]
    pub fn kind(&self) -> AceKind {
        AceKind::of(self.ace_type())
    }

    /// The flags, see [`ace_flags`].
    #[must_use]
    pub fn flags(&self) -> u8 {
        self.bytes[1]
    }

    /// The access mask; `None` for opaque types.
    #[must_use]
    pub fn mask(&self) -> Option<u32> {
        (self.kind() != AceKind::Opaque && self.bytes.len() >= 8).then(|| u32_at(&self.bytes, 4))
    }

    /// The object type and inherited object type GUIDs in Windows memory order.
    #[must_use]
    pub fn object_guids(&self) -> [Option<[u8; 16]>; 2] {
        if !self.kind().is_object() || self.bytes.len() < 12 {
            return [None, None];
        }
        let flags = u32_at(&self.bytes, 8);
        let guid = |at: usize| self.bytes.get(at..).and_then(|b| b.first_chunk()).copied();
        let second = if flags & 1 == 0 { 12 } else { 28 };
        [
            (flags & 1 != 0).then(|| guid(12)).flatten(),
            (flags & 2 != 0).then(|| guid(second)).flatten(),
        ]
    }

    /// The SID the ACE speaks of, whatever it is; `None` for opaque types.
    #[must_use]
    pub fn sid(&self) -> Option<Sid> {
        any_sid(&self.bytes)
    }

    /// What follows the SID: a condition, a claim, somebody's own data or nothing.
    #[must_use]
    pub fn application_data(&self) -> &[u8] {
        match (sid_offset(&self.bytes), self.sid()) {
            (Ok(at), Some(sid)) => &self.bytes[at + sid.encoded_len()..],
            _ => &[],
        }
    }
}

impl std::fmt::Debug for Ace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::sddl::ace(self))
    }
}

/// Where in an ACE a SID was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The SID that gains or loses access.
    Trustee,
    /// A SID in a condition or a claim.
    Literal,
}

/// Calls `visit(place, offset in ACE, SID)` for every SID that can be an
/// account, and checks everything that has to be understood to find them.
#[inline]
pub(crate) fn visit(
    ace: &[u8],
    visit: &mut impl FnMut(Place, usize, &[u8]),
) -> Result<(), AceError> {
    let kind = AceKind::of(ace[0]);
    if matches!(kind, AceKind::Opaque | AceKind::Label) {
        return Ok(());
    }
    let at = sid_offset(ace)?;
    let end = at + sid::encoded_len_at(&ace[at..])?;
    if !matches!(kind, AceKind::ResourceAttribute | AceKind::AccessFilter) {
        visit(Place::Trustee, at, &ace[at..end]);
    }
    let mut literal = |offset: usize, sid: &[u8]| visit(Place::Literal, end + offset, sid);
    match kind {
        AceKind::Callback | AceKind::CallbackObject | AceKind::AccessFilter => {
            condition::visit(&ace[end..], &mut literal)?;
        }
        AceKind::ResourceAttribute => claim::visit(&ace[end..], &mut literal)?,
        _ => {}
    }
    Ok(())
}

/// Size of the ACE after [`emit`], and whether anything in it is mapped.
pub(crate) fn mapped_len(ace: &[u8], map: &SidMap) -> Result<(usize, bool), AceError> {
    let mut len = ace.len();
    let mut hit = false;
    visit(ace, &mut |_, _, sid| {
        if let Some(target) = map.lookup(sid) {
            len = len - sid.len() + target.len();
            hit = true;
        }
    })?;
    Ok((len, hit))
}

/// Writes the ACE with every mapped SID replaced and every size, length and
/// offset in it corrected; `len` is what [`mapped_len`] answered.
pub(crate) fn emit(
    ace: &[u8],
    len: usize,
    map: &SidMap,
    put: &mut dyn FnMut(&[u8]),
) -> Result<(), AceError> {
    let kind = AceKind::of(ace[0]);
    if matches!(kind, AceKind::Opaque | AceKind::Label) {
        put(ace);
        return Ok(());
    }
    let at = sid_offset(ace)?;
    let end = at + sid::encoded_len_at(&ace[at..])?;
    let sid = &ace[at..end];
    // A size that does not fit is refused with the whole ACL, which is larger.
    let [low, high, ..] = (len as u32).to_le_bytes();
    put(&[ace[0], ace[1], low, high]);
    put(&ace[4..at]);
    match kind {
        AceKind::ResourceAttribute | AceKind::AccessFilter => put(sid),
        _ => put(map.lookup(sid).unwrap_or(sid)),
    }
    match kind {
        AceKind::Callback | AceKind::CallbackObject | AceKind::AccessFilter => {
            condition::emit(&ace[end..], map, put)?;
        }
        AceKind::ResourceAttribute => claim::emit(&ace[end..], map, put)?,
        _ => put(&ace[end..]),
    }
    Ok(())
}

/// The SID of an ACE of any type that has one, if it can be read.
pub(crate) fn any_sid(ace: &[u8]) -> Option<Sid> {
    if AceKind::of(ace[0]) == AceKind::Opaque {
        return None;
    }
    let at = sid_offset(ace).ok()?;
    Some(Sid::parse(&ace[at..]).ok()?.0)
}

#[inline]
fn sid_offset(ace: &[u8]) -> Result<usize, AceError> {
    let mut at = 8;
    if AceKind::of(ace[0]).is_object() && ace.len() >= 12 {
        let flags = u32_at(ace, 8);
        at = 12 + 16 * (flags & 1) as usize + 8 * (flags & 2) as usize;
    } else if AceKind::of(ace[0]).is_object() {
        at = 12;
    }
    if at > ace.len() {
        return Err(AceError::TooShort {
            ace_type: ace[0],
            size: ace.len(),
        });
    }
    Ok(at)
}
