//! Who is named in a descriptor, and where.

use crate::ace::{self, AceKind, Place};
use crate::acl::{self, AclError};
use crate::layout::{Layout, Part, SdError};
use crate::sid::Sid;

/// Where a SID is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SidRole {
    /// The owner.
    Owner,
    /// The primary group.
    Group,
    /// An entry of the DACL.
    Dacl,
    /// An entry of the SACL; labels and policies too.
    Sacl,
    /// Inside a condition or a claim of an entry of this part.
    Literal(Part),
}

impl SidRole {
    /// The part of the descriptor in which the SID was found.
    #[must_use]
    pub fn part(self) -> Part {
        match self {
            Self::Owner => Part::Owner,
            Self::Group => Part::Group,
            Self::Dacl => Part::Dacl,
            Self::Sacl => Part::Sacl,
            Self::Literal(part) => part,
        }
    }
}

/// Calls `visit(role, SID)` for every SID in an encoded descriptor, owner,
/// group, SACL, DACL in this order, entries in theirs.
///
/// # Errors
/// As [`translate()`](crate::translate()); `visit` may have been called before.
pub fn sids(sd: &[u8], mut visit: impl FnMut(SidRole, Sid)) -> Result<(), SdError> {
    let layout = Layout::parse(sd)?;
    for part in Part::ALL {
        let Some(region) = layout
            .regions()
            .iter()
            .find(|region| region.parts().any(|p| p == part))
        else {
            continue;
        };
        let bytes = region.of(sd);
        match part {
            Part::Owner | Part::Group => {
                let (sid, _) = Sid::parse(bytes).map_err(|source| SdError::Sid { part, source })?;
                let role = if part == Part::Owner {
                    SidRole::Owner
                } else {
                    SidRole::Group
                };
                visit(role, sid);
            }
            Part::Sacl | Part::Dacl => {
                in_acl(bytes, part, &mut visit).map_err(|source| SdError::Acl { part, source })?;
            }
        }
    }
    Ok(())
}

fn in_acl(acl: &[u8], part: Part, visit: &mut impl FnMut(SidRole, Sid)) -> Result<(), AclError> {
    let own = match part {
        Part::Dacl => SidRole::Dacl,
        _ => SidRole::Sacl,
    };
    for (index, entry) in acl::entries(acl).enumerate() {
        let ace = entry?.bytes;
        let kind = AceKind::of(ace[0]);
        if matches!(
            kind,
            AceKind::Label | AceKind::ResourceAttribute | AceKind::AccessFilter
        ) && let Some(sid) = ace::any_sid(ace)
        {
            visit(own, sid);
        }
        ace::visit(ace, &mut |place, _, sid| {
            let role = match place {
                Place::Trustee => own,
                Place::Literal => SidRole::Literal(part),
            };
            if let Ok(sid) = Sid::from_bytes(sid) {
                visit(role, sid);
            }
        })
        .map_err(|source| AclError::Ace { index, source })?;
    }
    Ok(())
}
