//! Little-endian numbers out of bytes that may be too short.

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(
        bytes.get(at..at.checked_add(8)?)?.try_into().ok()?,
    ))
}

/// A bit of a bitmap, lowest first; what lies beyond its end is not set.
pub(crate) fn is_set(bitmap: &[u8], number: u64) -> bool {
    let byte = usize::try_from(number / 8)
        .ok()
        .and_then(|at| bitmap.get(at))
        .copied()
        .unwrap_or(0);
    byte >> (number % 8) & 1 != 0
}

/// UTF-16 units of an even number of bytes.
pub(crate) fn utf16(bytes: &[u8]) -> Vec<u16> {
    bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

/// Whether UTF-16 units spell this ASCII text.
pub(crate) fn spells(units: &[u16], text: &str) -> bool {
    units.len() == text.len()
        && units
            .iter()
            .zip(text.bytes())
            .all(|(&unit, byte)| unit == u16::from(byte))
}
