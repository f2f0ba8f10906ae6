//! Little-endian numbers at byte offsets, bounds checked.
//!
//! Reading past the end answers `None`; writing past the end writes nothing
//! and answers `None` too. Nothing here can panic.

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let end = at.checked_add(2)?;
    Some(u16::from_le_bytes(bytes.get(at..end)?.try_into().ok()?))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let end = at.checked_add(4)?;
    Some(u32::from_le_bytes(bytes.get(at..end)?.try_into().ok()?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let end = at.checked_add(8)?;
    Some(u64::from_le_bytes(bytes.get(at..end)?.try_into().ok()?))
}

pub(crate) fn put_u16(bytes: &mut [u8], at: usize, value: u16) -> Option<()> {
    put(bytes, at, &value.to_le_bytes())
}

pub(crate) fn put_u32(bytes: &mut [u8], at: usize, value: u32) -> Option<()> {
    put(bytes, at, &value.to_le_bytes())
}

pub(crate) fn put_u64(bytes: &mut [u8], at: usize, value: u64) -> Option<()> {
    put(bytes, at, &value.to_le_bytes())
}

pub(crate) fn put(bytes: &mut [u8], at: usize, value: &[u8]) -> Option<()> {
    let end = at.checked_add(value.len())?;
    bytes.get_mut(at..end)?.copy_from_slice(value);
    Some(())
}

/// The UTF-16 units in `bytes`; an odd last byte is dropped.
pub(crate) fn units(bytes: &[u8]) -> impl Iterator<Item = u16> + Clone + '_ {
    bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
}

/// `text` as UTF-16LE bytes, without a terminator.
pub(crate) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
