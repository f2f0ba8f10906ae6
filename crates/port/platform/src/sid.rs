//! A security identifier in its canonical text form, the way journals and run
//! directories spell it.
//!
//! The binary codec lives in `gw-secdesc`; this type exists so that everything
//! that is written down (changes, before-images, results) has one stable,
//! sortable and validated spelling.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A SID as text, for example `S-1-5-21-1-2-3-1104`.
///
/// INVARIANT: revision 1, identifier authority below 2^48 in decimal (or
/// `0x` and twelve hex digits from 2^32 on), at most 15 sub-authorities below
/// 2^32, no leading zeros. Two equal SIDs therefore have equal text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SidText(String);

/// Why a text is not a SID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a SID of the form S-1-5-21-…; correct the source of this value")]
pub struct BadSid {
    /// The text that was refused, cut to 200 characters.
    pub text: String,
}

impl SidText {
    /// `S-1-5-18`, the operating system itself.
    pub const SYSTEM: &'static str = "S-1-5-18";
    /// `S-1-5-32-544`, the local Administrators group in every language.
    pub const ADMINISTRATORS: &'static str = "S-1-5-32-544";

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this SID was issued by `domain` (everything but the last
    /// sub-authority is equal).
    pub fn is_in_domain(&self, domain: &SidText) -> bool {
        self.0
            .strip_prefix(domain.as_str())
            .and_then(|rest| rest.strip_prefix('-'))
            .is_some_and(|rid| !rid.is_empty() && !rid.contains('-'))
    }
}

impl FromStr for SidText {
    type Err = BadSid;

    fn from_str(text: &str) -> Result<Self, BadSid> {
        canonical(text).map(SidText).ok_or_else(|| BadSid {
            text: text.chars().take(200).collect(),
        })
    }
}

impl TryFrom<String> for SidText {
    type Error = BadSid;

    fn try_from(text: String) -> Result<Self, BadSid> {
        text.parse()
    }
}

impl From<SidText> for String {
    fn from(sid: SidText) -> String {
        sid.0
    }
}

impl fmt::Display for SidText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SidText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn canonical(text: &str) -> Option<String> {
    let mut parts = text.trim().split('-');
    if !parts.next()?.eq_ignore_ascii_case("s") || parts.next()? != "1" {
        return None;
    }
    let authority = number(parts.next()?)?;
    if authority >= 1 << 48 {
        return None;
    }
    let mut out = if authority < 1 << 32 {
        format!("S-1-{authority}")
    } else {
        format!("S-1-0x{authority:012X}")
    };
    let mut count = 0;
    for part in parts {
        let sub = u32::try_from(number(part)?).ok()?;
        count += 1;
        if count > 15 {
            return None;
        }
        out.push('-');
        out.push_str(&sub.to_string());
    }
    Some(out)
}

fn number(part: &str) -> Option<u64> {
    let (digits, radix) = match part.strip_prefix("0x").or(part.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None => (part, 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_per_sid() {
        let cases = [
            ("S-1-5-21-1-2-3-1104", Some("S-1-5-21-1-2-3-1104")),
            ("s-1-5-032-0544", Some("S-1-5-32-544")),
            ("S-1-0x5-18", Some("S-1-5-18")),
            ("S-1-0x100000000-1", Some("S-1-0x000100000000-1")),
            ("S-1-5", Some("S-1-5")),
            ("S-2-5-18", None),
            ("S-1-5-", None),
            ("S-1-5-4294967296", None),
            ("S-1-5-+1", None),
            ("", None),
            ("S-1-5-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1", None),
        ];
        for (text, want) in cases {
            let got = text.parse::<SidText>().ok();
            assert_eq!(got.as_ref().map(SidText::as_str), want, "{text}");
        }
    }

    #[test]
    fn domain_membership_needs_exactly_one_more_part() {
        let domain: SidText = "S-1-5-21-1-2-3".parse().unwrap();
        assert!(
            "S-1-5-21-1-2-3-500"
                .parse::<SidText>()
                .unwrap()
                .is_in_domain(&domain)
        );
        assert!(
            !"S-1-5-21-1-2-33"
                .parse::<SidText>()
                .unwrap()
                .is_in_domain(&domain)
        );
        assert!(
            !"S-1-5-21-1-2-3-4-5"
                .parse::<SidText>()
                .unwrap()
                .is_in_domain(&domain)
        );
    }
}
