//! A value of an attribute, wherever it lies.

use crate::block::BlockRead;
use crate::boot::Boot;
use crate::edit::Extent;
use crate::error::NtfsError;
use crate::runs::Run;

/// A readable value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stream {
    Resident(Vec<u8>),
    Runs(RunStream),
}

/// A non-resident value: its runs in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunStream {
    // INVARIANT: runs lie on the volume; starts holds the first VCN of each, rising.
    runs: Vec<Run>,
    starts: Vec<u64>,
    size: u64,
    initialised: u64,
}

impl RunStream {
    /// `None` when a run leaves the volume, the runs hold more clusters than the volume
    /// has, or the size is larger than what they cover.
    pub(crate) fn new(boot: &Boot, runs: Vec<Run>, size: u64, initialised: u64) -> Option<Self> {
        let mut starts = Vec::with_capacity(runs.len());
        let (mut vcn, mut stored) = (0u64, 0u64);
        for run in &runs {
            starts.push(vcn);
            vcn = vcn.checked_add(run.clusters)?;
            if let Some(start) = run.start {
                stored = stored.checked_add(run.clusters)?;
                if start.checked_add(run.clusters)? > boot.clusters {
                    return None;
                }
            }
        }
        if stored > boot.clusters || size > vcn.checked_mul(boot.cluster_size.into())? {
            return None;
        }
        Some(Self {
            runs,
            starts,
            size,
            initialised: initialised.min(size),
        })
    }

    pub(crate) fn has_holes(&self) -> bool {
        self.runs.iter().any(|run| run.start.is_none())
    }

    /// The run and the cluster inside it that hold a VCN.
    fn locate(&self, vcn: u64) -> Option<(Run, u64)> {
        let index = self
            .starts
            .partition_point(|&start| start <= vcn)
            .checked_sub(1)?;
        let inside = vcn - self.starts[index];
        let run = self.runs[index];
        (inside < run.clusters).then_some((run, inside))
    }

    fn read_at(
        &self,
        reader: &(impl BlockRead + ?Sized),
        boot: &Boot,
        mut offset: u64,
        mut buffer: &mut [u8],
    ) -> Result<(), NtfsError> {
        let cluster = u64::from(boot.cluster_size);
        while !buffer.is_empty() {
            let past = NtfsError::Geometry {
                what: "offset in a value",
                value: offset,
            };
            let (run, inside) = self.locate(offset / cluster).ok_or(past)?;
            let left = (run.clusters - inside) * cluster - offset % cluster;
            let take = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let (now, later) = buffer.split_at_mut(take);
            match run.start {
                Some(start) => {
                    reader.read_at((start + inside) * cluster + offset % cluster, now)?
                }
                None => now.fill(0),
            }
            // What was never written reads as zero, whatever the clusters hold.
            let written = self.initialised.saturating_sub(offset);
            if let Some(rest) = usize::try_from(written)
                .ok()
                .and_then(|written| now.get_mut(written..))
            {
                rest.fill(0);
            }
            offset += take as u64;
            buffer = later;
        }
        Ok(())
    }
}

impl Stream {
    /// Size in bytes.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Resident(bytes) => bytes.len() as u64,
            Self::Runs(runs) => runs.size,
        }
    }

    /// Bytes from the start that have been written; the rest reads as zero.
    pub(crate) fn written(&self) -> u64 {
        match self {
            Self::Resident(bytes) => bytes.len() as u64,
            Self::Runs(runs) => runs.initialised,
        }
    }

    /// Fills `buffer` from byte `offset` of the value.
    pub(crate) fn read_at(
        &self,
        reader: &(impl BlockRead + ?Sized),
        boot: &Boot,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), NtfsError> {
        if offset
            .checked_add(buffer.len() as u64)
            .is_none_or(|end| end > self.size())
        {
            return Err(NtfsError::Geometry {
                what: "offset in a value",
                value: offset,
            });
        }
        match self {
            // The end was checked against the size, so the range is inside.
            Self::Resident(bytes) => {
                let at = offset as usize;
                buffer.copy_from_slice(&bytes[at..at + buffer.len()]);
                Ok(())
            }
            Self::Runs(runs) => runs.read_at(reader, boot, offset, buffer),
        }
    }

    /// Where bytes of the value lie on the volume, in order; `None` when some lie in a record,
    /// in a hole, past the end or were never written.
    pub(crate) fn extents(&self, boot: &Boot, offset: u64, len: usize) -> Option<Vec<Extent>> {
        let Self::Runs(stream) = self else {
            return None;
        };
        let end = offset.checked_add(len as u64)?;
        if end > stream.size || end > stream.initialised {
            return None;
        }
        let cluster = u64::from(boot.cluster_size);
        let mut found: Vec<Extent> = Vec::new();
        let mut at = offset;
        while at < end {
            let (run, inside) = stream.locate(at / cluster)?;
            let left = (run.clusters - inside) * cluster - at % cluster;
            let take = left.min(end - at);
            let start = (run.start? + inside) * cluster + at % cluster;
            match found.last_mut() {
                Some(last) if last.offset + last.len as u64 == start => last.len += take as usize,
                _ => found.push(Extent {
                    offset: start,
                    len: take as usize,
                }),
            }
            at += take;
        }
        Some(found)
    }

    /// The whole value, when it has at most `limit` bytes.
    pub(crate) fn read_all(
        &self,
        reader: &(impl BlockRead + ?Sized),
        boot: &Boot,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, NtfsError> {
        if self.size() > limit {
            return Ok(None);
        }
        let mut out = vec![0; self.size() as usize];
        self.read_at(reader, boot, 0, &mut out)?;
        Ok(Some(out))
    }
}
