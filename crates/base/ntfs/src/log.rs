//! The state of `$LogFile`: may what is on the volume be believed?

use crate::bytes::{u16_at, u32_at};
use crate::record::unfix;

/// What the log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogState {
    /// All 0xFF: emptied, nothing to replay (what ntfs-3g and mkfs.ntfs leave).
    Empty,
    /// Cleanly closed by Windows.
    Clean {
        /// Major version of the log.
        major: u16,
    },
    /// Windows has changes in the log that are not on the volume yet.
    Dirty {
        /// Major version of the log.
        major: u16,
    },
    /// Neither empty nor a log.
    Unreadable,
}

const NO_CLIENT: u16 = 0xFFFF;
const VOLUME_IS_CLEAN: u16 = 0x2;
/// The two restart pages lie here, for every page size up to 64 KiB that has been seen.
pub(crate) const HEAD: usize = 0x2_0000;

/// Judges the first bytes of the log (up to [`HEAD`]); `all_ff` says whether the whole of it is 0xFF.
pub(crate) fn judge(head: &[u8], all_ff: bool) -> LogState {
    if all_ff {
        return LogState::Empty;
    }
    let Some(first) = restart_page(head) else {
        // The first page may be torn: the second lies one page behind it.
        let second = [0x1000, 0x2000, 0x4000, 0x8000, 0x1_0000]
            .into_iter()
            .find_map(|at| restart_page(head.get(at..)?));
        return second.map_or(LogState::Unreadable, Page::state);
    };
    let second = head.get(first.size..).and_then(restart_page);
    match second {
        Some(second) if second.lsn > first.lsn => second.state(),
        _ => first.state(),
    }
}

#[derive(Clone, Copy)]
struct Page {
    size: usize,
    major: u16,
    lsn: u64,
    clean: bool,
}

impl Page {
    fn state(self) -> LogState {
        if self.clean {
            LogState::Clean { major: self.major }
        } else {
            LogState::Dirty { major: self.major }
        }
    }
}

fn restart_page(bytes: &[u8]) -> Option<Page> {
    // CHKD would mean that chkdsk is in the middle of its work.
    if bytes.get(..4)? != b"RSTR" {
        return None;
    }
    let size = u32_at(bytes, 0x10)? as usize;
    if !(512..=0x1_0000).contains(&size) || !size.is_power_of_two() {
        return None;
    }
    let mut page = bytes.get(..size)?.to_vec();
    unfix(&mut page).ok()?;
    let area = usize::from(u16_at(&page, 0x18)?);
    let clients_in_use = u16_at(&page, area.checked_add(0x0C)?)?;
    let flags = u16_at(&page, area + 0x0E)?;
    Some(Page {
        size,
        major: u16_at(&page, 0x1C)?,
        lsn: crate::bytes::u64_at(&page, area)?,
        clean: clients_in_use == NO_CLIENT || flags & VOLUME_IS_CLEAN != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A restart page of 4 KiB of this major version.
    fn page(major: u16, lsn: u64, in_use: u16, flags: u16) -> Vec<u8> {
        let mut out = vec![0u8; 4096];
        out[..4].copy_from_slice(b"RSTR");
        out[4..6].copy_from_slice(&0x1Eu16.to_le_bytes());
        out[6..8].copy_from_slice(&9u16.to_le_bytes());
        out[0x10..0x14].copy_from_slice(&4096u32.to_le_bytes());
        out[0x14..0x18].copy_from_slice(&4096u32.to_le_bytes());
        out[0x18..0x1A].copy_from_slice(&0x30u16.to_le_bytes());
        out[0x1C..0x1E].copy_from_slice(&major.to_le_bytes());
        out[0x30..0x38].copy_from_slice(&lsn.to_le_bytes());
        out[0x3C..0x3E].copy_from_slice(&in_use.to_le_bytes());
        out[0x3E..0x40].copy_from_slice(&flags.to_le_bytes());
        // Fix-ups: number 7, originals zero.
        out[0x1E] = 7;
        for sector in 0..8 {
            out[sector * 512 + 510] = 7;
            out[sector * 512 + 511] = 0;
        }
        out
    }

    fn log(first: Vec<u8>, second: Vec<u8>) -> Vec<u8> {
        let mut out = [first, second].concat();
        out.resize(HEAD, 0xFF);
        out
    }

    #[test]
    fn tells_the_states_of_both_versions() {
        for major in [1, 2] {
            let clean = log(page(major, 5, NO_CLIENT, 0), page(major, 4, 0, 0));
            assert_eq!(judge(&clean, false), LogState::Clean { major });
            let flagged = log(
                page(major, 5, 0, VOLUME_IS_CLEAN),
                page(major, 5, 0, VOLUME_IS_CLEAN),
            );
            assert_eq!(judge(&flagged, false), LogState::Clean { major });
            let dirty = log(page(major, 5, NO_CLIENT, 0), page(major, 6, 0, 0));
            assert_eq!(
                judge(&dirty, false),
                LogState::Dirty { major },
                "the later page counts"
            );
        }
        assert_eq!(judge(&[0xFF; HEAD], true), LogState::Empty);
    }

    #[test]
    fn a_torn_first_page_leaves_the_second() {
        let mut torn = log(page(1, 9, NO_CLIENT, 0), page(1, 8, 0, 0));
        torn[510] = 99;
        assert_eq!(judge(&torn, false), LogState::Dirty { major: 1 });
        assert_eq!(judge(&vec![0; HEAD], false), LogState::Unreadable);
        assert_eq!(judge(b"RSTR", false), LogState::Unreadable);
        assert_eq!(judge(&[], false), LogState::Unreadable);
    }
}
