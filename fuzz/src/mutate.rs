//! Changing inputs, the same way for the same seed.

/// SplitMix64.
pub struct Dice(u64);

impl Dice {
    /// The same seed gives the same throws.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `limit`; 0 when that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        match limit {
            0 => 0,
            limit => (self.throw() % limit as u64) as usize,
        }
    }
}

/// Numbers that parsers trip over.
const NUMBERS: [u64; 18] = [
    0,
    1,
    2,
    4,
    7,
    8,
    0x10,
    0x18,
    0x20,
    0x7f,
    0xff,
    0x0fff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_fff8,
    0xffff_ffff,
    u64::MAX,
];

/// Pieces of text that parsers trip over.
const WORDS: [&[u8]; 16] = [
    b"null",
    b"{}",
    b"[]",
    b"\"\"",
    b"-1",
    b"18446744073709551616",
    b"1e999",
    b"\\u0000",
    b"\\ud800",
    b"[[[[[[[[[[[[[[[[",
    b"{\"v\":",
    b",",
    b"\n",
    b"\xff\xfe",
    b"S-1-5-21-1-2-3-4",
    b"S-1-12-1-4294967295-0-0-0",
];

/// The longest input that is made.
const LONGEST: usize = 8 << 20;

/// Makes one to eight changes; `other` lends pieces.
pub fn mutate(data: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    for _ in 0..=dice.below(8) {
        once(data, other, dice);
    }
    data.truncate(LONGEST);
}

fn once(data: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = place(data, dice);
    match dice.below(12) {
        0 | 1 => {
            if let Some(byte) = data.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
        }
        2 => {
            if let Some(byte) = data.get_mut(at) {
                *byte = dice.throw() as u8;
            }
        }
        // A number of 2, 4 or 8 bytes, often where one stands already.
        3..=5 => {
            let width = [2, 4, 8][dice.below(3)];
            let at = if dice.below(2) == 0 {
                at & !(width - 1)
            } else {
                at
            };
            let number = NUMBERS[dice.below(NUMBERS.len())];
            for (index, byte) in number.to_le_bytes().into_iter().take(width).enumerate() {
                if let Some(place) = data.get_mut(at + index) {
                    *place = byte;
                }
            }
        }
        // A number a little larger or smaller.
        6 => {
            let at = at & !3;
            if let Some(four) = data.get_mut(at..at + 4) {
                let number = u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
                let number = number.wrapping_add(dice.below(33) as u32).wrapping_sub(16);
                four.copy_from_slice(&number.to_le_bytes());
            }
        }
        7 => {
            let word = WORDS[dice.below(WORDS.len())];
            data.splice(at..at, word.iter().copied());
        }
        8 => {
            let end = data.len().min(at + 1 + dice.below(64));
            data.drain(at.min(end)..end);
        }
        // A piece of it again, somewhere else, in place or in between.
        9 => {
            let piece = piece(data, dice).to_vec();
            put(data, &piece, at, dice);
        }
        10 => {
            let piece = piece(other, dice).to_vec();
            put(data, &piece, at, dice);
        }
        _ => {
            if dice.below(8) == 0 {
                data.truncate(at);
            } else if let Some(byte) = data.get_mut(at) {
                *byte = byte.wrapping_add(1);
            }
        }
    }
}

/// Where to change: anywhere, but mostly where there is something, since formats have large gaps.
fn place(data: &[u8], dice: &mut Dice) -> usize {
    for _ in 0..8 {
        let at = dice.below(data.len());
        if data.get(at).is_some_and(|byte| *byte != 0) {
            return at;
        }
    }
    dice.below(data.len())
}

fn piece<'a>(data: &'a [u8], dice: &mut Dice) -> &'a [u8] {
    let at = place(data, dice);
    &data[at.min(data.len())..data.len().min(at + 1 + dice.below(256))]
}

fn put(data: &mut Vec<u8>, piece: &[u8], at: usize, dice: &mut Dice) {
    let end = match dice.below(2) {
        0 => at,
        _ => data.len().min(at + piece.len()),
    };
    data.splice(at.min(end)..end, piece.iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_changes() {
        let make = |seed| {
            let mut dice = Dice::new(seed);
            let mut data = b"some input to begin with".to_vec();
            for _ in 0..200 {
                mutate(&mut data, b"another input", &mut dice);
            }
            data
        };
        assert_eq!(make(7), make(7));
        assert_ne!(make(7), make(8));
    }
}
