//! The two forms in which AD writes times.

use chrono::NaiveDateTime;

/// Seconds between 1601 (FILETIME) and 1970.
const EPOCH_DIFFERENCE: i64 = 11_644_473_600;

/// GeneralizedTime (`20261122150741.0Z`) as seconds since 1970.
pub(crate) fn generalized(text: &str) -> Option<i64> {
    let digits = text.get(..14)?;
    NaiveDateTime::parse_from_str(digits, "%Y%m%d%H%M%S")
        .ok()
        .map(|time| time.and_utc().timestamp())
}

/// A FILETIME (100 ns since 1601) as seconds since 1970. 0 and "never" are `None`.
pub(crate) fn filetime(text: &str) -> Option<i64> {
    match text.parse::<i64>().ok()? {
        0 | i64::MAX => None,
        ticks => Some(ticks / 10_000_000 - EPOCH_DIFFERENCE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_agree() {
        assert_eq!(generalized("20261122150741.0Z"), Some(1_795_360_061));
        assert_eq!(filetime("134398336610000000"), Some(1_795_360_061));
        assert_eq!(filetime("0"), None);
        assert_eq!(filetime("9223372036854775807"), None);
        assert_eq!(generalized("2026"), None);
        assert_eq!(generalized("é026112215074"), None);
    }
}
