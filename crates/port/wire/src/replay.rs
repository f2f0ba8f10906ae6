//! The server's memory of requests: a request counts once, and only near its time.

use crate::{codes, httpsig::RequestSignature, keys::KeyId};
use std::collections::{BTreeMap, BTreeSet};

/// How far a request's time may lie from the server's, in seconds.
pub const WINDOW_SECONDS: i64 = 300;

/// What a request's time and nonce say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Seen for the first time; it is remembered from now on.
    Fresh,
    /// Seen before.
    Replayed,
    /// Too far from the server's time.
    Skewed,
    /// Made before this server started, so nobody knows: sign it again.
    Retry,
    /// The memory is full; try later. Only verified requests are remembered, so this means load.
    Full,
}

impl Freshness {
    /// The refusal, unless it is fresh.
    ///
    /// # Errors
    /// Everything but [`Freshness::Fresh`].
    pub fn refusal(self) -> Result<(), codes::Refusal> {
        match self {
            Self::Fresh => Ok(()),
            Self::Replayed => Err(codes::REPLAYED),
            Self::Skewed => Err(codes::CLOCK_SKEWED),
            Self::Retry => Err(codes::RETRY),
            Self::Full => Err(codes::UNAVAILABLE),
        }
    }
}

/// Remembers (key, nonce) for as long as the window lasts.
/// INVARIANT: offer only requests whose signature holds, or strangers fill it.
#[derive(Debug)]
pub struct NonceCache {
    started: i64,
    capacity: usize,
    seen: BTreeSet<(KeyId, String)>,
    /// By the time at which they may be forgotten.
    expiry: BTreeMap<i64, Vec<(KeyId, String)>>,
}

impl NonceCache {
    /// An empty memory of a server that started at this time (Unix seconds).
    #[must_use]
    pub fn new(started: i64, capacity: usize) -> Self {
        Self {
            started,
            capacity,
            seen: BTreeSet::new(),
            expiry: BTreeMap::new(),
        }
    }

    /// Judges a verified request at `now` (Unix seconds), and remembers it if it is fresh.
    pub fn offer(&mut self, request: &RequestSignature, now: i64) -> Freshness {
        self.forget(now);
        let created = request.created;
        if created.abs_diff(now) > WINDOW_SECONDS as u64 {
            return Freshness::Skewed;
        }
        if created <= self.started {
            return Freshness::Retry;
        }
        let entry = (request.keyid, request.nonce.clone());
        if self.seen.contains(&entry) {
            return Freshness::Replayed;
        }
        if self.seen.len() >= self.capacity {
            return Freshness::Full;
        }
        self.seen.insert(entry.clone());
        let until = created.saturating_add(WINDOW_SECONDS);
        self.expiry.entry(until).or_default().push(entry);
        Freshness::Fresh
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Is nothing remembered?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    fn forget(&mut self, now: i64) {
        let keep = self.expiry.split_off(&now);
        for entry in std::mem::replace(&mut self.expiry, keep)
            .into_values()
            .flatten()
        {
            self.seen.remove(&entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(nonce: &str, created: i64) -> RequestSignature {
        RequestSignature {
            signature: Vec::new(),
            created,
            nonce: nonce.to_owned(),
            keyid: KeyId([7; 32]),
        }
    }

    #[test]
    fn a_request_counts_once_within_the_window() {
        let mut cache = NonceCache::new(0, 10);
        assert_eq!(cache.offer(&request("a", 1000), 1000), Freshness::Fresh);
        assert_eq!(cache.offer(&request("a", 1000), 1300), Freshness::Replayed);
        assert_eq!(cache.offer(&request("a", 1000), 1301), Freshness::Skewed);
        assert!(cache.is_empty(), "forgotten once the window is over");
        assert_eq!(cache.offer(&request("b", 1601), 1301), Freshness::Fresh);
        assert_eq!(cache.offer(&request("b", 1601), 1901), Freshness::Replayed);
        assert_eq!(cache.offer(&request("c", 2202), 1901), Freshness::Skewed);
    }

    #[test]
    fn after_a_restart_older_requests_are_sent_again() {
        let mut cache = NonceCache::new(1000, 10);
        assert_eq!(cache.offer(&request("a", 999), 1001), Freshness::Retry);
        assert_eq!(cache.offer(&request("a", 1000), 1001), Freshness::Retry);
        assert_eq!(cache.offer(&request("a", 1001), 1001), Freshness::Fresh);
    }

    #[test]
    fn it_never_grows_past_its_capacity() {
        let mut cache = NonceCache::new(0, 2);
        for nonce in ["a", "b"] {
            assert_eq!(cache.offer(&request(nonce, 1000), 1000), Freshness::Fresh);
        }
        assert_eq!(cache.offer(&request("c", 1000), 1000), Freshness::Full);
        assert_eq!(cache.offer(&request("c", 1400), 1400), Freshness::Fresh);
        assert_eq!(cache.len(), 1);
    }
}
