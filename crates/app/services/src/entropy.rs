//! Randomness is a parameter: tests repeat it from a seed.

use aws_lc_rs::rand::SecureRandom as _;
use chrono::{DateTime, Utc};
use std::sync::Mutex;
use uuid::Uuid;

/// Draws random bytes.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);

    /// A new id whose order follows `now` (UUID version 7).
    fn id(&self, now: DateTime<Utc>) -> Uuid {
        let mut random = [0; 10];
        self.fill(&mut random);
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}

/// The operating system's generator.
#[derive(Debug, Default)]
pub struct OsEntropy(aws_lc_rs::rand::SystemRandom);

impl OsEntropy {
    /// The generator.
    #[must_use]
    pub fn new() -> Self {
        Self(aws_lc_rs::rand::SystemRandom::new())
    }
}

impl Entropy for OsEntropy {
    #[expect(
        clippy::expect_used,
        reason = "without randomness no key is safe: stop at once"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        self.0
            .fill(bytes)
            .expect("the operating system gives random bytes");
    }
}

/// A repeatable generator for tests: SHA-256 in counter mode. Never for keys that matter.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<(u64, u64)>);

impl SeededEntropy {
    /// A generator that repeats itself for the same seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new((seed, 0)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        use sha2::Digest as _;
        let mut state = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for part in bytes.chunks_mut(32) {
            state.1 += 1;
            let block = sha2::Sha256::new()
                .chain_update(state.0.to_le_bytes())
                .chain_update(state.1.to_le_bytes());
            part.copy_from_slice(&block.finalize()[..part.len()]);
        }
    }
}
