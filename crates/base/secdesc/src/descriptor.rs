//! A security descriptor taken apart, to look into or to put one together.
//!
//! What must stay true: a parsed descriptor that was not touched is written
//! with the bytes it came from, gaps and order included. The one exception is
//! a descriptor whose parts overlap without being shared; they are written apart.

use crate::acl::{Acl, AclError};
use crate::layout::{HEADER_BYTES, Layout, Part, SdError, u16_at};
use crate::sid::Sid;

/// Bits of the control word of a descriptor.
pub mod control {
    #![allow(missing_docs, reason = "each is named as in [MS-DTYP] 2.4.6")]
    pub const OWNER_DEFAULTED: u16 = 0x0001;
    pub const GROUP_DEFAULTED: u16 = 0x0002;
    pub const DACL_PRESENT: u16 = 0x0004;
    pub const DACL_DEFAULTED: u16 = 0x0008;
    pub const SACL_PRESENT: u16 = 0x0010;
    pub const SACL_DEFAULTED: u16 = 0x0020;
    pub const DACL_AUTO_INHERIT_REQUIRED: u16 = 0x0100;
    pub const SACL_AUTO_INHERIT_REQUIRED: u16 = 0x0200;
    pub const DACL_AUTO_INHERITED: u16 = 0x0400;
    pub const SACL_AUTO_INHERITED: u16 = 0x0800;
    pub const DACL_PROTECTED: u16 = 0x1000;
    pub const SACL_PROTECTED: u16 = 0x2000;
    pub const RM_CONTROL_VALID: u16 = 0x4000;
    pub const SELF_RELATIVE: u16 = 0x8000;
}

/// An owned security descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityDescriptor {
    /// Control bits, see [`control`]; "self-relative" is always written.
    pub control: u16,
    /// The resource manager's own byte; means something with `RM_CONTROL_VALID`.
    pub rm_control: u8,
    /// The owner.
    pub owner: Option<Sid>,
    /// The primary group.
    pub group: Option<Sid>,
    /// The system ACL.
    pub sacl: Option<Acl>,
    /// The discretionary ACL. `None` with `DACL_PRESENT` is a NULL DACL
    /// (everyone may do everything), an ACL without entries lets nobody in.
    pub dacl: Option<Acl>,
    // What lay where; parts not named here are written behind everything else.
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Gap(Vec<u8>),
    Parts(Vec<Part>),
}

/// The order in which Windows lays out a descriptor it makes.
const USUAL_ORDER: [Part; 4] = [Part::Sacl, Part::Dacl, Part::Owner, Part::Group];

impl SecurityDescriptor {
    /// A descriptor with owner, group and DACL.
    #[must_use]
    pub fn new(owner: Sid, group: Sid, dacl: Acl) -> Self {
        Self {
            control: control::SELF_RELATIVE | control::DACL_PRESENT,
            rm_control: 0,
            owner: Some(owner),
            group: Some(group),
            sacl: None,
            dacl: Some(dacl),
            segments: Vec::new(),
        }
    }

    /// Reads an encoded, self-relative descriptor.
    ///
    /// # Errors
    /// As [`translate()`](crate::translate()): what one refuses the other does too.
    pub fn parse(sd: &[u8]) -> Result<Self, SdError> {
        let layout = Layout::parse(sd)?;
        let mut parsed = Self {
            control: u16_at(sd, 2),
            rm_control: sd[1],
            owner: None,
            group: None,
            sacl: None,
            dacl: None,
            segments: Vec::new(),
        };
        let mut done = HEADER_BYTES;
        for region in layout.regions() {
            if !layout.overlapping {
                parsed.gap(&sd[done..region.start]);
                done = region.end;
            }
            parsed
                .segments
                .push(Segment::Parts(region.parts().collect()));
            for part in region.parts() {
                parsed.read(part, region.of(sd))?;
            }
        }
        if !layout.overlapping {
            parsed.gap(&sd[done..]);
        }
        Ok(parsed)
    }

    /// The encoded, self-relative descriptor.
    ///
    /// # Errors
    /// When an ACL is too large for its size field.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SdError> {
        let mut out = vec![0; HEADER_BYTES];
        out[0] = 1;
        out[1] = self.rm_control;
        let control = self.control | control::SELF_RELATIVE;
        out[2..4].copy_from_slice(&control.to_le_bytes());
        let mut placed = Vec::with_capacity(4);
        for segment in &self.segments {
            match segment {
                Segment::Gap(bytes) => out.extend_from_slice(bytes),
                Segment::Parts(parts) => {
                    self.write(parts, &mut out)?;
                    placed.extend_from_slice(parts);
                }
            }
        }
        for part in USUAL_ORDER {
            if !placed.contains(&part) {
                self.write(&[part], &mut out)?;
            }
        }
        Ok(out)
    }

    fn gap(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.segments.push(Segment::Gap(bytes.to_vec()));
        }
    }

    fn read(&mut self, part: Part, bytes: &[u8]) -> Result<(), SdError> {
        let sid = || Sid::from_bytes(bytes).map_err(|source| SdError::Sid { part, source });
        let acl = || Acl::parse(bytes).map_err(|source| SdError::Acl { part, source });
        match part {
            Part::Owner => self.owner = Some(sid()?),
            Part::Group => self.group = Some(sid()?),
            Part::Sacl => self.sacl = Some(acl()?.0),
            Part::Dacl => self.dacl = Some(acl()?.0),
        }
        Ok(())
    }

    /// Writes parts that shared a region: once while they are still equal.
    fn write(&self, parts: &[Part], out: &mut Vec<u8>) -> Result<(), SdError> {
        let mut written: Vec<(Vec<u8>, u32)> = Vec::new();
        for part in parts {
            let Some(bytes) = self.part_bytes(*part)? else {
                continue;
            };
            let known = written.iter().find(|(other, _)| *other == bytes);
            let offset = known.map_or(out.len() as u32, |(_, offset)| *offset);
            if known.is_none() {
                out.extend_from_slice(&bytes);
                written.push((bytes, offset));
            }
            out[part.slot()..part.slot() + 4].copy_from_slice(&offset.to_le_bytes());
        }
        Ok(())
    }

    fn part_bytes(&self, part: Part) -> Result<Option<Vec<u8>>, SdError> {
        let sid = |sid: &Option<Sid>| sid.as_ref().map(Sid::to_bytes);
        let acl = |acl: &Option<Acl>| -> Result<_, AclError> {
            acl.as_ref().map(Acl::to_bytes).transpose()
        };
        match part {
            Part::Owner => Ok(sid(&self.owner)),
            Part::Group => Ok(sid(&self.group)),
            Part::Sacl => acl(&self.sacl),
            Part::Dacl => acl(&self.dacl),
        }
        .map_err(|source| SdError::Acl { part, source })
    }
}
