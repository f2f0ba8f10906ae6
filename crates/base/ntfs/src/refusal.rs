//! Reasons not to change a volume, and some not even to believe it.

use crate::attribute::{DATA, INDEX_ROOT};
use crate::block::BlockRead;
use crate::bytes::u32_at;
use crate::error::NtfsError;
use crate::index;
use crate::log::LogState;
use crate::name::FileName;
use crate::record::Record;
use crate::secure::SecureFault;
use crate::volume::{EXTEND, ROOT, Volume};

/// Why a volume must not be changed from outside. Each says who can help and how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Marked for chkdsk.
    #[error("the volume is marked dirty; let Windows check it (chkdsk /f) and shut down fully")]
    Dirty,
    /// The log holds changes the volume does not.
    #[error("the log of the volume is not closed ({0:?}); start Windows and shut it down fully")]
    Log(LogState),
    /// Windows sleeps on it.
    #[error(
        "Windows is hibernated on the volume (or Fast Startup is on); shut it down with `shutdown /s /f /t 0`"
    )]
    Hibernated,
    /// Quotas would have to be moved with owners.
    #[error("disk quotas are tracked on the volume; switch them off first (fsutil quota disable)")]
    QuotaTracking,
    /// Shadow copies would save the old blocks under a Windows that knows nothing of it.
    #[error("the volume has {0} shadow copies; delete them first (vssadmin delete shadows)")]
    ShadowCopies(usize),
    /// `$Secure` does not hold together.
    #[error("the descriptor store is damaged in {count} places, the first: {first}; run chkdsk /f")]
    Secure {
        /// The first fault.
        first: SecureFault,
        /// How many.
        count: usize,
    },
    /// Header and bitmap disagree about records: who uses a descriptor cannot be known.
    #[error("the header and the bitmap of $MFT disagree about {0} file records; run chkdsk /f")]
    Bitmap(u64),
    /// A record and its copy differ.
    #[error("file record {0} differs from its copy in $MFTMirr; run chkdsk /f")]
    MftMirror(u64),
}

impl Refusal {
    /// Whether what is read may be untrue as well, so that even a report would mislead.
    #[must_use]
    pub fn makes_reading_doubtful(&self) -> bool {
        matches!(
            self,
            Self::Dirty
                | Self::Log(_)
                | Self::Hibernated
                | Self::Secure { .. }
                | Self::Bitmap(_)
                | Self::MftMirror(_)
        )
    }
}

/// The store of a shadow copy is named by two GUIDs, the second always this one.
const SHADOW_COPY: &str = "{3808876B-C176-4E48-B7AE-04046E6CC752}";
const QUOTA_TRACKED: u32 = 0x10;
const QUOTA_ENFORCED: u32 = 0x20;

impl<R: BlockRead> Volume<R> {
    /// Every reason not to change the volume; empty when there is none.
    ///
    /// # Errors
    /// When metadata needed for the answer is damaged.
    pub fn refusals(&self) -> Result<Vec<Refusal>, NtfsError> {
        let mut found = Vec::new();
        if self.is_dirty() {
            found.push(Refusal::Dirty);
        }
        match self.log_state()? {
            LogState::Empty | LogState::Clean { .. } => {}
            state => found.push(Refusal::Log(state)),
        }
        if let Some(number) = self.mirror_differs()? {
            found.push(Refusal::MftMirror(number));
        }
        let root = self.known(ROOT)?;
        if self.is_hibernated(&root)? {
            found.push(Refusal::Hibernated);
        }
        let copies = self.shadow_copies(&root)?;
        if copies > 0 {
            found.push(Refusal::ShadowCopies(copies));
        }
        if self.tracks_quota()? {
            found.push(Refusal::QuotaTracking);
        }
        let faults = self.secure()?.verify(self)?;
        if let Some(&first) = faults.first() {
            found.push(Refusal::Secure {
                first,
                count: faults.len(),
            });
        }
        Ok(found)
    }

    /// Names and record numbers in a folder.
    pub(crate) fn list(&self, folder: &Record) -> Result<Vec<(String, u64)>, NtfsError> {
        let mut found = Vec::new();
        index::walk(self, folder, "$I30", |entry| {
            if let (Some(name), Some(number)) = (FileName::parse(entry.key), entry.file()) {
                found.push((name.text(), number));
            }
        })?;
        Ok(found)
    }

    fn child(&self, folder: &Record, name: &str) -> Result<Option<Record>, NtfsError> {
        let found = self
            .list(folder)?
            .into_iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name));
        match found {
            Some((_, number)) => Ok(self.record(number)?.filter(Record::in_use)),
            None => Ok(None),
        }
    }

    /// `hiberfil.sys` begins with a signature as long as there is a session in it.
    fn is_hibernated(&self, root: &Record) -> Result<bool, NtfsError> {
        let Some(record) = self.child(root, "hiberfil.sys")? else {
            return Ok(false);
        };
        let Some(stream) = self.stream(&record, DATA, "")? else {
            return Ok(false);
        };
        let mut head = [0; 4];
        if stream.size() < 4096 {
            return Ok(false);
        }
        stream.read_at(self.reader(), self.boot(), 0, &mut head)?;
        Ok(head.eq_ignore_ascii_case(b"hibr") || head.eq_ignore_ascii_case(b"rstr"))
    }

    fn shadow_copies(&self, root: &Record) -> Result<usize, NtfsError> {
        let Some(folder) = self.child(root, "System Volume Information")? else {
            return Ok(0);
        };
        if !folder.is_directory() {
            return Ok(0);
        }
        let names = self.list(&folder)?;
        // The catalogue is named by that GUID alone and stays when the last copy is gone.
        let is_store = |name: &str| {
            name.len() > SHADOW_COPY.len() && name.to_ascii_uppercase().ends_with(SHADOW_COPY)
        };
        Ok(names.iter().filter(|(name, _)| is_store(name)).count())
    }

    /// The entry of owner 1 in `$Extend\$Quota` holds the switches of the volume.
    fn tracks_quota(&self) -> Result<bool, NtfsError> {
        let Some(extend) = self
            .record(EXTEND)?
            .filter(|record| record.in_use() && record.is_directory())
        else {
            return Ok(false);
        };
        let Some(quota) = self.child(&extend, "$Quota")? else {
            return Ok(false);
        };
        if self.stream(&quota, INDEX_ROOT, "$Q")?.is_none() {
            return Ok(false);
        }
        let mut tracked = false;
        index::walk(self, &quota, "$Q", |entry| {
            if u32_at(entry.key, 0) == Some(1) {
                let flags = entry.data().and_then(|data| u32_at(data, 4)).unwrap_or(0);
                tracked = flags & (QUOTA_TRACKED | QUOTA_ENFORCED) != 0;
            }
        })?;
        Ok(tracked)
    }
}
