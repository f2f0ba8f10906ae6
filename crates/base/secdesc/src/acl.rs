//! Access control lists.
//!
//! An ACL is an 8-byte header (revision, a reserved byte, size, ACE count, a
//! reserved word), its ACEs one after the other, and possibly unused bytes up
//! to its size ([MS-DTYP] 2.4.5). The reserved fields and the unused bytes are
//! kept as found.

use crate::ace::{Ace, AceError};
use crate::layout::u16_at;

/// Most bytes an ACL can have: its size is 16 bits wide and a multiple of 4.
pub const MAX_ACL_BYTES: usize = 65_532;
/// Bytes of the header of an ACL.
pub(crate) const HEADER_BYTES: usize = 8;

/// Why an ACL cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AclError {
    /// Shorter than its header.
    #[error("{0} bytes are too few for an ACL, its header alone has 8")]
    TooShort(usize),
    /// Revision other than 2, 3 or 4.
    #[error("ACL revision {0} is not known, only 2, 3 and 4 are")]
    Revision(u8),
    /// The size field is below 8 or runs past the end.
    #[error("the ACL says it has {size} bytes where {have} are left")]
    Size {
        /// What the size field says.
        size: usize,
        /// Bytes there are.
        have: usize,
    },
    /// The ACE's size is below 4 or runs past the end of the ACL.
    #[error("ACE {index} says it has {size} bytes where {have} are left")]
    AceSize {
        /// Position in the ACL, from 0.
        index: usize,
        /// What the size field says (0 where not even that is there).
        size: usize,
        /// Bytes left in the ACL.
        have: usize,
    },
    /// The inside of an ACE cannot be understood.
    #[error("ACE {index} cannot be read")]
    Ace {
        /// Position in the ACL, from 0.
        index: usize,
        /// What is wrong with it.
        source: AceError,
    },
    /// The result would not fit into an ACL.
    #[error("the translated ACL would have {0} bytes, at most 65532 fit")]
    TooLarge(usize),
}

/// An access control list taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl {
    /// 2, or 4 where object ACEs are inside.
    pub revision: u8,
    /// Reserved byte, kept as found.
    pub reserved1: u8,
    /// Reserved word, kept as found.
    pub reserved2: u16,
    /// The entries in order.
    pub aces: Vec<Ace>,
    /// Unused bytes after the last entry, kept as found.
    pub trailing: Vec<u8>,
}

impl Acl {
    /// An ACL of revision 2, or 4 where an object ACE is among the entries.
    #[must_use]
    pub fn new(aces: Vec<Ace>) -> Self {
        let object = aces.iter().any(|ace| ace.kind().is_object());
        Self {
            revision: if object { 4 } else { 2 },
            reserved1: 0,
            reserved2: 0,
            aces,
            trailing: Vec::new(),
        }
    }

    /// Reads the ACL at the start of `bytes`; also answers how many bytes it took.
    ///
    /// # Errors
    /// When a size does not fit or the inside of an ACE cannot be understood.
    pub fn parse(bytes: &[u8]) -> Result<(Self, usize), AclError> {
        let len = encoded_len_at(bytes)?;
        let acl = &bytes[..len];
        let mut entries = entries(acl);
        let mut aces = Vec::new();
        for (index, entry) in entries.by_ref().enumerate() {
            let ace = Ace::from_bytes(entry?.bytes);
            aces.push(ace.map_err(|source| AclError::Ace { index, source })?);
        }
        let parsed = Self {
            revision: acl[0],
            reserved1: acl[1],
            reserved2: u16_at(acl, 6),
            aces,
            trailing: acl[entries.at..].to_vec(),
        };
        Ok((parsed, len))
    }

    /// Size of the encoding in bytes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let aces: usize = self.aces.iter().map(|ace| ace.as_bytes().len()).sum();
        HEADER_BYTES + aces + self.trailing.len()
    }

    /// The encoded ACL.
    ///
    /// # Errors
    /// [`AclError::TooLarge`] when the size does not fit into 16 bits.
    pub fn to_bytes(&self) -> Result<Vec<u8>, AclError> {
        let len = self.encoded_len();
        let size = u16::try_from(len).map_err(|_| AclError::TooLarge(len))?;
        let count = u16::try_from(self.aces.len()).map_err(|_| AclError::TooLarge(len))?;
        let mut out = Vec::with_capacity(len);
        out.extend([self.revision, self.reserved1]);
        out.extend(size.to_le_bytes());
        out.extend(count.to_le_bytes());
        out.extend(self.reserved2.to_le_bytes());
        for ace in &self.aces {
            out.extend_from_slice(ace.as_bytes());
        }
        out.extend_from_slice(&self.trailing);
        Ok(out)
    }
}

/// Checks the header of the ACL at the start of `bytes` and answers its size.
pub(crate) fn encoded_len_at(bytes: &[u8]) -> Result<usize, AclError> {
    if bytes.len() < HEADER_BYTES {
        return Err(AclError::TooShort(bytes.len()));
    }
    if !(2..=4).contains(&bytes[0]) {
        return Err(AclError::Revision(bytes[0]));
    }
    let size = usize::from(u16_at(bytes, 2));
    if size < HEADER_BYTES || size > bytes.len() {
        return Err(AclError::Size {
            size,
            have: bytes.len(),
        });
    }
    Ok(size)
}

/// One ACE inside an encoded ACL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    /// Where the ACE begins in the ACL.
    pub(crate) at: usize,
    /// The whole ACE; at least 4 bytes, and as many as its size field says.
    pub(crate) bytes: &'a [u8],
}

/// Walks the ACEs of an ACL whose header was checked.
#[derive(Debug, Clone)]
pub(crate) struct Entries<'a> {
    acl: &'a [u8],
    index: usize,
    count: usize,
    /// Where the next ACE begins; after the last one, where the unused bytes begin.
    pub(crate) at: usize,
}

pub(crate) fn entries(acl: &[u8]) -> Entries<'_> {
    Entries {
        acl,
        index: 0,
        count: usize::from(u16_at(acl, 4)),
        at: HEADER_BYTES,
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, AclError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.index == self.count {
            return None;
        }
        let rest = &self.acl[self.at..];
        let size = match rest {
            [_, _, low, high, ..] => usize::from(u16::from_le_bytes([*low, *high])),
            _ => 0,
        };
        if size < 4 || size > rest.len() {
            let error = AclError::AceSize {
                index: self.index,
                size,
                have: rest.len(),
            };
            self.index = self.count;
            return Some(Err(error));
        }
        let entry = Entry {
            at: self.at,
            bytes: &rest[..size],
        };
        self.index += 1;
        self.at += size;
        Some(Ok(entry))
    }
}
