//! Where the four parts of an encoded descriptor lie.
//!
//! A self-relative descriptor is a 20-byte header (revision, resource-manager
//! control byte, control bits, four offsets) and up to four parts that are
//! found by their offsets only: any order, gaps between them, two offsets that
//! share one part, even parts that overlap ([MS-DTYP] 2.4.6).
//!
//! What must stay true: every region lies between the header and the end, and
//! regions are sorted by start without two of the same start.

use crate::acl::{self, AclError};
use crate::sid::{self, SidError};

/// Bytes of the header of a self-relative descriptor.
pub(crate) const HEADER_BYTES: usize = 20;
const SELF_RELATIVE: u16 = 0x8000;

/// One of the four parts of a security descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The owner SID.
    Owner,
    /// The primary group SID.
    Group,
    /// The system ACL: audit, label, resource attributes, policy.
    Sacl,
    /// The discretionary ACL: who may do what.
    Dacl,
}

impl Part {
    /// All parts in the order of their offsets in the header.
    pub(crate) const ALL: [Self; 4] = [Self::Owner, Self::Group, Self::Sacl, Self::Dacl];

    /// Where the header keeps this part's offset.
    pub(crate) fn slot(self) -> usize {
        match self {
            Self::Owner => 4,
            Self::Group => 8,
            Self::Sacl => 12,
            Self::Dacl => 16,
        }
    }

    fn bit(self) -> u8 {
        1 << (self as u8)
    }

    fn is_acl(self) -> bool {
        matches!(self, Self::Sacl | Self::Dacl)
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Owner => "owner",
            Self::Group => "group",
            Self::Sacl => "SACL",
            Self::Dacl => "DACL",
        })
    }
}

/// Why bytes are not a security descriptor that can be understood whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdError {
    /// Shorter than its header.
    #[error("{0} bytes are too few for a security descriptor, its header alone has 20")]
    TooShort(usize),
    /// The first byte is not 1.
    #[error("security descriptor revision {0} is not known, only revision 1 is")]
    Revision(u8),
    /// The control bits do not say "self-relative".
    #[error("the security descriptor is not self-relative (control bits {0:#06x})")]
    NotSelfRelative(u16),
    /// A part begins inside the header or after the end.
    #[error("the {part} is said to begin at byte {offset} of {len}")]
    Offset {
        /// Which part.
        part: Part,
        /// Where it is said to begin.
        offset: u32,
        /// Bytes of the descriptor.
        len: usize,
    },
    /// The owner or group is not a SID.
    #[error("the {part} cannot be read")]
    Sid {
        /// Which part.
        part: Part,
        /// What is wrong with it.
        source: SidError,
    },
    /// An ACL cannot be understood, or would outgrow its limit.
    #[error("the {part} cannot be used")]
    Acl {
        /// Which part.
        part: Part,
        /// What is wrong with it.
        source: AclError,
    },
}

/// One stretch of the descriptor that one or two offsets point to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Region {
    pub(crate) start: usize,
    pub(crate) end: usize,
    parts: u8,
}

impl Region {
    /// The parts that this region is (two of them where they are shared).
    pub(crate) fn parts(&self) -> impl Iterator<Item = Part> + use<> {
        let bits = self.parts;
        Part::ALL.into_iter().filter(move |p| bits & p.bit() != 0)
    }

    /// One of the parts, for messages.
    pub(crate) fn part(&self) -> Part {
        self.parts().next().unwrap_or(Part::Owner)
    }

    pub(crate) fn is_acl(&self) -> bool {
        self.part().is_acl()
    }

    pub(crate) fn of<'a>(&self, sd: &'a [u8]) -> &'a [u8] {
        &sd[self.start..self.end]
    }
}

/// The located parts of one descriptor.
#[derive(Debug)]
pub(crate) struct Layout {
    regions: [Region; 4],
    count: usize,
    /// Whether two regions share some bytes without being the same region.
    pub(crate) overlapping: bool,
}

impl Layout {
    /// Locates every part and checks owner, group and the ACL headers; the
    /// ACEs are looked at by whoever walks them.
    pub(crate) fn parse(sd: &[u8]) -> Result<Self, SdError> {
        if sd.len() < HEADER_BYTES {
            return Err(SdError::TooShort(sd.len()));
        }
        if sd[0] != 1 {
            return Err(SdError::Revision(sd[0]));
        }
        let control = u16::from_le_bytes([sd[2], sd[3]]);
        if control & SELF_RELATIVE == 0 {
            return Err(SdError::NotSelfRelative(control));
        }
        let mut layout = Self {
            regions: [Region::default(); 4],
            count: 0,
            overlapping: false,
        };
        for part in Part::ALL {
            if let Some(region) = locate(sd, part)? {
                layout.insert(region);
            }
        }
        layout.overlapping = layout
            .regions()
            .windows(2)
            .any(|pair| pair[1].start < pair[0].end);
        Ok(layout)
    }

    /// The regions, sorted by where they begin.
    pub(crate) fn regions(&self) -> &[Region] {
        &self.regions[..self.count]
    }

    fn insert(&mut self, region: Region) {
        let mut at = self.count;
        while at > 0 && self.regions[at - 1].start > region.start {
            at -= 1;
        }
        // A SID begins with 1 and an ACL with 2 or more, so two parts that
        // begin at one byte are of one kind and of one length.
        if at > 0 && self.regions[at - 1].start == region.start {
            self.regions[at - 1].parts |= region.parts;
            return;
        }
        self.regions.copy_within(at..self.count, at + 1);
        self.regions[at] = region;
        self.count += 1;
    }
}

fn locate(sd: &[u8], part: Part) -> Result<Option<Region>, SdError> {
    let offset = u32_at(sd, part.slot());
    if offset == 0 {
        return Ok(None);
    }
    let start = offset as usize;
    if start < HEADER_BYTES || start >= sd.len() {
        return Err(SdError::Offset {
            part,
            offset,
            len: sd.len(),
        });
    }
    let len = if part.is_acl() {
        acl::encoded_len_at(&sd[start..]).map_err(|source| SdError::Acl { part, source })?
    } else {
        sid::encoded_len_at(&sd[start..]).map_err(|source| SdError::Sid { part, source })?
    };
    Ok(Some(Region {
        start,
        end: start + len,
        parts: part.bit(),
    }))
}

/// Reads a little-endian `u32`; the caller has checked the bounds.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Reads a little-endian `u16`; the caller has checked the bounds.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}
