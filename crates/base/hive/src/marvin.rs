//! Marvin32, the hash that guards a log entry of the new format.

use crate::raw::u32_at;

/// The seed of log entries, bytes `82 EF 4D 88 7A 4E 55 C5` read as a big-endian number.
const SEED: u64 = 0x82ef_4d88_7a4e_55c5;

/// Marvin32 of `bytes` under the seed of log entries.
pub(crate) fn marvin32(bytes: &[u8]) -> u64 {
    let mut low = SEED as u32;
    let mut high = (SEED >> 32) as u32;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        low = low.wrapping_add(u32_at(word, 0).unwrap_or(0));
        mix(&mut low, &mut high);
    }
    // The rest, if any, with a byte 0x80 after it.
    let rest = words.remainder();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    low = low.wrapping_add(u32::from_le_bytes(last));
    mix(&mut low, &mut high);
    mix(&mut low, &mut high);
    u64::from(high) << 32 | u64::from(low)
}

fn mix(low: &mut u32, high: &mut u32) {
    *high ^= *low;
    *low = low.rotate_left(20).wrapping_add(*high);
    *high = high.rotate_left(9) ^ *low;
    *low = low.rotate_left(27).wrapping_add(*high);
    *high = high.rotate_left(19);
}

#[cfg(test)]
mod tests {
    use super::marvin32;

    // Vectors made with an independent implementation of the published algorithm.
    #[test]
    fn known_vectors() {
        for (input, hash) in VECTORS {
            assert_eq!(marvin32(input), hash, "{input:?}");
        }
    }

    const VECTORS: [(&[u8], u64); 4] = [
        (b"", 0xb39e_fca4_0396_6e08),
        (b"a", 0x21a0_13c7_26f2_92f4),
        (b"abcd", 0x2009_4fb1_1a6c_d086),
        (b"Godwit moves", 0x1292_18d7_e460_9bcb),
    ];
}
