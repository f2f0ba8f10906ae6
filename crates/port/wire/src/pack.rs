//! Compression inside the body, so that neither a proxy nor a digest sees it. The field that names
//! it is always there.

use crate::bytes::Bytes;
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use serde::{Deserialize, Serialize};
use std::io::{Read as _, Write as _};

/// How bytes are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// As they are.
    None,
    /// zlib (RFC 1950).
    Zlib,
}

/// Packed bytes would grow past the limit, or are damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// Damaged.
    #[error("the compressed bytes are damaged")]
    Damaged,
    /// Larger than allowed.
    #[error("the compressed bytes unfold to more than {0} bytes")]
    TooLarge(usize),
}

/// Bytes that may be compressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    /// How.
    pub encoding: Encoding,
    /// The packed bytes.
    pub data: Bytes,
}

impl Packed {
    /// Compresses if that makes it shorter.
    #[must_use]
    pub fn new(plain: &[u8]) -> Self {
        let zipped = pack(Encoding::Zlib, plain);
        if zipped.len() < plain.len() {
            return Self {
                encoding: Encoding::Zlib,
                data: zipped.into(),
            };
        }
        Self {
            encoding: Encoding::None,
            data: plain.into(),
        }
    }

    /// The bytes, never more than `limit`.
    ///
    /// # Errors
    /// Damaged, or more than the limit.
    pub fn unpack(&self, limit: usize) -> Result<Vec<u8>, PackError> {
        unpack(self.encoding, &self.data, limit)
    }
}

/// Packs bytes.
#[must_use]
pub fn pack(encoding: Encoding, plain: &[u8]) -> Vec<u8> {
    match encoding {
        Encoding::None => plain.to_vec(),
        Encoding::Zlib => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            // Writing to memory does not fail.
            let _ = encoder.write_all(plain);
            encoder.finish().unwrap_or_default()
        }
    }
}

/// Unpacks bytes, never to more than `limit`.
///
/// # Errors
/// Damaged, or more than the limit.
pub fn unpack(encoding: Encoding, packed: &[u8], limit: usize) -> Result<Vec<u8>, PackError> {
    match encoding {
        Encoding::None if packed.len() > limit => Err(PackError::TooLarge(limit)),
        Encoding::None => Ok(packed.to_vec()),
        Encoding::Zlib => {
            let mut plain = Vec::new();
            let mut reader = ZlibDecoder::new(packed).take(limit as u64 + 1);
            reader
                .read_to_end(&mut plain)
                .map_err(|_| PackError::Damaged)?;
            if plain.len() > limit {
                return Err(PackError::TooLarge(limit));
            }
            Ok(plain)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_and_refuses_bombs() {
        let plain = vec![7_u8; 100_000];
        let packed = Packed::new(&plain);
        assert_eq!(packed.encoding, Encoding::Zlib);
        assert!(packed.data.len() < 1_000);
        assert_eq!(packed.unpack(100_000), Ok(plain));
        assert_eq!(packed.unpack(99_999), Err(PackError::TooLarge(99_999)));
        assert_eq!(Packed::new(b"x").encoding, Encoding::None);
        let broken = Packed {
            encoding: Encoding::Zlib,
            data: b"nonsense".as_slice().into(),
        };
        assert_eq!(broken.unpack(10), Err(PackError::Damaged));
    }
}
