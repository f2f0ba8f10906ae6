//! How SAM keeps the password of a local account: its NT hash, under the key
//! that the boot key guards (the AES scheme of Windows 10 1607 and later).
//!
//! `SAM\Domains\Account\F` holds that key from byte 104 on:
//! `revision u32 | length u32 | checksum u32 | data length u32 | salt 16 | data`.
//! A hash record is `key id u16 | revision u16 | offset u32 | salt 16 | data`,
//! its data the hash, first DES-encrypted under two keys that follow from the
//! account's RID, padded by a block; both are AES-128-CBC.

use super::SamError;
use crate::hive::Hive;
use crate::lsa::BootKey;
use crate::raw::{u32_at, units};
use aes::Aes128;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use des::Des;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of random salt in front of each encrypted hash.
pub const SALT: usize = 16;
const BLOCK: usize = 16;
const AES_REVISION: u32 = 2;
/// Where the key lies in `F` of the account domain.
const KEY_AT: usize = 104;
const RECORD: usize = 24;

/// The NT hash of a password: MD4 over its UTF-16.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct NtHash(pub [u8; 16]);

impl std::fmt::Debug for NtHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NtHash(…)")
    }
}

impl NtHash {
    /// Of this password.
    #[must_use]
    pub fn of(password: &str) -> Self {
        let wide: Zeroizing<Vec<u8>> =
            Zeroizing::new(password.encode_utf16().flat_map(u16::to_le_bytes).collect());
        Self(md4(&wide))
    }
}

/// The key that guards the hashes of a machine.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SamKey([u8; 16]);

impl std::fmt::Debug for SamKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SamKey(…)")
    }
}

impl SamKey {
    /// Opens it with the boot key.
    ///
    /// # Errors
    /// When it is missing, or kept by an older scheme.
    pub fn open(sam: &Hive, boot: &BootKey) -> Result<Self, SamError> {
        let f = super::value_of(sam, "SAM\\Domains\\Account", "F")?.ok_or(SamError::Scheme)?;
        let sealed = f.bytes.get(KEY_AT..).ok_or(SamError::Scheme)?;
        let read = || -> Option<[u8; 16]> {
            if u32_at(sealed, 0)? != AES_REVISION {
                return None;
            }
            let length = u32_at(sealed, 12)? as usize;
            let salt = sealed.get(16..32)?.try_into().ok()?;
            let plain = decrypt(&boot.0, salt, sealed.get(32..)?.get(..length)?)?;
            plain.get(..16)?.try_into().ok()
        };
        read().map(Self).ok_or(SamError::Scheme)
    }

    /// The record of a hash. `salt` must be fresh random bytes.
    #[must_use]
    pub(super) fn seal(&self, rid: u32, hash: &NtHash, salt: [u8; SALT]) -> Vec<u8> {
        let mut record = vec![1, 0, 2, 0];
        record.extend((BLOCK as u32).to_le_bytes());
        record.extend(salt);
        let mut twisted = by_rid(rid, &hash.0, true);
        let mut chain = salt;
        let cipher = Aes128::new(&self.0.into());
        for plain in [twisted, [BLOCK as u8; BLOCK]] {
            for (byte, plain) in chain.iter_mut().zip(plain) {
                *byte ^= plain;
            }
            cipher.encrypt_block((&mut chain).into());
            record.extend(chain);
        }
        twisted.zeroize();
        record
    }

    /// The hash in a record; `None` when the account has no password.
    pub(super) fn open_hash(&self, rid: u32, record: &[u8]) -> Result<Option<NtHash>, SamError> {
        if record.len() <= RECORD {
            return Ok(None);
        }
        let read = || -> Option<NtHash> {
            if record.get(2..4)? != [2, 0] {
                return None;
            }
            let salt = record.get(8..RECORD)?.try_into().ok()?;
            let plain = decrypt(&self.0, salt, record.get(RECORD..)?)?;
            let twisted: &[u8; 16] = plain.get(..16)?.try_into().ok()?;
            Some(NtHash(by_rid(rid, twisted, false)))
        };
        read().map(Some).ok_or(SamError::Scheme)
    }
}

fn decrypt(key: &[u8; 16], salt: [u8; BLOCK], data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if data.is_empty() || !data.len().is_multiple_of(BLOCK) {
        return None;
    }
    let cipher = Aes128::new(&(*key).into());
    let mut plain = Zeroizing::new(Vec::with_capacity(data.len()));
    let mut chain = salt;
    for sealed in data.chunks_exact(BLOCK) {
        let sealed: [u8; BLOCK] = sealed.try_into().ok()?;
        let mut block = sealed;
        cipher.decrypt_block((&mut block).into());
        plain.extend(block.iter().zip(chain).map(|(byte, chain)| byte ^ chain));
        block.zeroize();
        chain = sealed;
    }
    Some(plain)
}

/// DES over both halves, under keys that are the RID's bytes again and again.
fn by_rid(rid: u32, block: &[u8; 16], encrypt: bool) -> [u8; 16] {
    let i = rid.to_le_bytes();
    let keys = [
        [i[0], i[1], i[2], i[3], i[0], i[1], i[2]],
        [i[3], i[0], i[1], i[2], i[3], i[0], i[1]],
    ];
    let mut out = [0; 16];
    for ((half, done), key) in block.chunks_exact(8).zip(out.chunks_exact_mut(8)).zip(keys) {
        let cipher = Des::new(&spread(key).into());
        let mut one = [0_u8; 8];
        one.copy_from_slice(half);
        if encrypt {
            cipher.encrypt_block((&mut one).into());
        } else {
            cipher.decrypt_block((&mut one).into());
        }
        done.copy_from_slice(&one);
    }
    out
}

/// Seven bytes as the eight of a DES key, seven bits in each.
fn spread(key: [u8; 7]) -> [u8; 8] {
    let bits = key
        .iter()
        .fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    std::array::from_fn(|at| (((bits >> (49 - 7 * at)) & 0x7f) as u8) << 1)
}

/// MD4 (RFC 1320): what NT hashes are made of, and good for nothing else.
fn md4(message: &[u8]) -> [u8; 16] {
    let mut padded = Zeroizing::new(message.to_vec());
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((message.len() as u64 * 8).to_le_bytes());
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in padded.chunks_exact(64) {
        let x: [u32; 16] = std::array::from_fn(|at| u32_at(block, at * 4).unwrap_or_default());
        let [mut a, mut b, mut c, mut d] = state;
        for (round, (order, shifts)) in ROUNDS.iter().enumerate() {
            for (at, word) in order.iter().enumerate() {
                let mixed = match round {
                    0 => (b & c) | (!b & d),
                    1 => ((b & c) | (b & d) | (c & d)).wrapping_add(0x5a82_7999),
                    _ => (b ^ c ^ d).wrapping_add(0x6ed9_eba1),
                };
                let sum = a.wrapping_add(mixed).wrapping_add(x[*word]);
                (a, d, c, b) = (d, c, b, sum.rotate_left(shifts[at % 4]));
            }
        }
        for (sum, part) in state.iter_mut().zip([a, b, c, d]) {
            *sum = sum.wrapping_add(part);
        }
    }
    let mut out = [0; 16];
    for (four, word) in out.chunks_exact_mut(4).zip(state) {
        four.copy_from_slice(&word.to_le_bytes());
    }
    out
}

/// The order of the words and the rotations of each round.
const ROUNDS: [([usize; 16], [u32; 4]); 3] = [
    (
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [3, 7, 11, 19],
    ),
    (
        [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
        [3, 5, 9, 13],
    ),
    (
        [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
        [3, 9, 11, 15],
    ),
];

/// UTF-16 bytes as text.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf16_lossy(&units(bytes).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn md4_gives_the_digests_of_rfc_1320() {
        for (text, wanted) in [
            ("", "31d6cfe0d16ae931b73c59d7e0c089c0"),
            ("abc", "a448017aaf21d8525fc10ae87aa6729d"),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "e33b4ddc9c38f2199c3e7b164fcc0536",
            ),
        ] {
            assert_eq!(hex::encode(md4(text.as_bytes())), wanted);
        }
        assert_eq!(
            hex::encode(NtHash::of("password").0),
            "8846f7eaee8fb117ad06bdd830b7586c"
        );
    }

    #[test]
    fn a_hash_opens_under_its_own_rid_and_key_only() {
        let hash = NtHash::of("correct horse");
        let key = SamKey([7; 16]);
        let record = key.seal(1001, &hash, [9; SALT]);
        assert_eq!(record.len(), RECORD + 2 * BLOCK);
        let open = |key: &SamKey, rid| key.open_hash(rid, &record).unwrap();
        assert_eq!(open(&key, 1001), Some(hash.clone()));
        assert_ne!(open(&key, 1002), Some(hash.clone()));
        assert_ne!(open(&SamKey([8; 16]), 1001), Some(hash));
        assert_eq!(key.open_hash(1001, &record[..RECORD]).unwrap(), None);
        assert!(key.open_hash(1001, &record[..RECORD + 5]).is_err());
    }
}
