//! Deterministic randomness and file contents.

/// A small seeded generator (SplitMix64): the same seed gives the same image everywhere.
#[derive(Debug, Clone)]
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound` (which is over zero).
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub(super) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// A file length in bytes, spread as in a user profile: most files small
    /// enough to stay in their file record, a few up to 96 KiB.
    pub(super) fn file_len(&mut self) -> u32 {
        match self.below(100) {
            0..=1 => 0,
            2..=79 => 20 + self.below(560) as u32,
            80..=97 => 700 + self.below(11_000) as u32,
            _ => 16_384 + self.below(81_920) as u32,
        }
    }
}

/// `len` bytes that follow from `seed`.
pub(super) fn filler(seed: u64, len: u32) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let mut out = Vec::with_capacity(len as usize + 8);
    while out.len() < len as usize {
        out.extend_from_slice(&rng.next().to_le_bytes());
    }
    out.truncate(len as usize);
    out
}
