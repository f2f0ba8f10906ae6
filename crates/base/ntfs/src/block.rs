//! Where the blocks come from.

/// A read that failed.
#[derive(Debug, thiserror::Error)]
#[error("reading {len} bytes at byte {offset} of the volume failed")]
pub struct ReadError {
    /// Byte offset from the start of the volume.
    pub offset: u64,
    /// Bytes wanted.
    pub len: usize,
    /// What the device said.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Random access to the bytes of a volume.
pub trait BlockRead {
    /// Size of the volume in bytes.
    fn size(&self) -> u64;

    /// Fills `buffer` from byte `offset`.
    ///
    /// # Errors
    /// When not all of it could be read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError>;
}

impl<T: BlockRead + ?Sized> BlockRead for &T {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        (**self).read_at(offset, buffer)
    }
}

impl BlockRead for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let source = usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..start.checked_add(buffer.len())?))
            .ok_or_else(|| ReadError {
                offset,
                len: buffer.len(),
                source: "past the end of the volume".into(),
            })?;
        buffer.copy_from_slice(source);
        Ok(())
    }
}

impl BlockRead for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.as_slice().read_at(offset, buffer)
    }
}
