//! Security identifiers.
//!
//! A SID names an account, a group or a machine. On disk it is a revision
//! byte (always 1), a count of sub-authorities (0 to 15), a 48-bit authority in
//! big-endian order and then each sub-authority as a little-endian `u32`
//! ([MS-DTYP] 2.4.2). As text it is `S-1-AUTHORITY-SUB-SUB…`; an authority
//! that needs more than 32 bits is written as `0x` and twelve hexadecimal digits.
//!
//! What must stay true: a [`Sid`] is always well formed, lives on the stack,
//! and `Sid::from_bytes(sid.as_bytes())` and the text it prints give it back.
//! The one text that is printed but refused from a person is that of a SID
//! without sub-authorities, which names nobody; a document may still carry it.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// Most sub-authorities a SID can have.
pub const MAX_SUB_AUTHORITIES: usize = 15;
/// Most bytes an encoded SID can take.
pub const MAX_SID_BYTES: usize = 8 + 4 * MAX_SUB_AUTHORITIES;

/// A well-formed security identifier, at most [`MAX_SID_BYTES`] bytes, held inline.
///
/// Ordered by authority, then by sub-authorities as numbers, so that a sorted
/// list reads as a person expects it (`…-500` before `…-1000`).
#[derive(Clone)]
pub struct Sid {
    // INVARIANT: byte 0 is 1, byte 1 is at most 15, and bytes past the encoded
    // length are zero.
    bytes: [u8; MAX_SID_BYTES],
}

/// Why bytes are not a SID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SidError {
    /// Fewer bytes than the SID says it has.
    #[error("the SID needs {needed} bytes but only {have} are left")]
    Truncated {
        /// Bytes the SID needs.
        needed: usize,
        /// Bytes there are.
        have: usize,
    },
    /// The first byte is not 1.
    #[error("SID revision {0} is not known, only revision 1 is")]
    Revision(u8),
    /// The second byte is over 15.
    #[error("the SID claims {0} sub-authorities, at most 15 are allowed")]
    TooManySubAuthorities(u8),
    /// Bytes follow the end of the SID where exactly one SID was expected.
    #[error("{0} bytes follow the end of the SID")]
    TrailingBytes(usize),
}

/// Why a text is not a SID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SidTextError {
    /// It does not begin with `S-`.
    #[error("a SID begins with \"S-\"")]
    Prefix,
    /// The revision is not `1`.
    #[error("the revision of a SID is 1")]
    Revision,
    /// There is no authority (`S-1`).
    #[error("the SID has no authority")]
    NoAuthority,
    /// The authority is neither decimal up to 4294967295 nor `0x` and 12 hexadecimal digits.
    #[error("the authority is neither a number up to 4294967295 nor 0x and 12 hexadecimal digits")]
    Authority,
    /// There is no sub-authority (`S-1-5`).
    #[error("the SID has no sub-authority")]
    NoSubAuthority,
    /// A sub-authority is empty, not decimal, or over 4294967295.
    #[error("sub-authority {0} is not a number from 0 to 4294967295")]
    SubAuthority(usize),
    /// More than 15 sub-authorities.
    #[error("more than 15 sub-authorities")]
    TooManySubAuthorities,
}

impl Sid {
    /// A SID from its authority (48 bits) and sub-authorities.
    ///
    /// `None` when the authority needs more than 48 bits or there are more than 15 sub-authorities.
    #[must_use]
    pub fn new(authority: u64, sub_authorities: &[u32]) -> Option<Self> {
        if authority >> 48 != 0 || sub_authorities.len() > MAX_SUB_AUTHORITIES {
            return None;
        }
        let mut bytes = [0; MAX_SID_BYTES];
        bytes[0] = 1;
        bytes[1] = sub_authorities.len() as u8;
        bytes[2..8].copy_from_slice(&authority.to_be_bytes()[2..]);
        for (slot, sub) in bytes[8..].chunks_exact_mut(4).zip(sub_authorities) {
            slot.copy_from_slice(&sub.to_le_bytes());
        }
        Some(Self { bytes })
    }

    /// Reads the SID at the start of `bytes`; also answers how many bytes it took.
    ///
    /// # Errors
    /// When the bytes end too early, the revision is not 1 or the count is over 15.
    pub fn parse(bytes: &[u8]) -> Result<(Self, usize), SidError> {
        let len = encoded_len_at(bytes)?;
        let mut inline = [0; MAX_SID_BYTES];
        inline[..len].copy_from_slice(&bytes[..len]);
        Ok((Self { bytes: inline }, len))
    }

    /// Reads a SID that fills `bytes` exactly.
    ///
    /// # Errors
    /// As [`Sid::parse`], and when bytes follow the SID.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SidError> {
        let (sid, len) = Self::parse(bytes)?;
        if len == bytes.len() {
            Ok(sid)
        } else {
            Err(SidError::TrailingBytes(bytes.len() - len))
        }
    }

    /// The encoded SID.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.encoded_len()]
    }

    /// The encoded SID, owned.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    /// Length of the encoding in bytes: 8 and 4 for each sub-authority.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        8 + 4 * usize::from(self.bytes[1])
    }

    /// The 48-bit identifier authority.
    #[must_use]
    pub fn authority(&self) -> u64 {
        self.bytes[2..8]
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    /// The sub-authorities in order.
    pub fn sub_authorities(&self) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + '_ {
        self.as_bytes()[8..]
            .chunks_exact(4)
            .map(|quad| u32::from_le_bytes([quad[0], quad[1], quad[2], quad[3]]))
    }

    /// The last sub-authority (the relative id), if there is any.
    #[must_use]
    pub fn rid(&self) -> Option<u32> {
        self.sub_authorities().next_back()
    }

    /// The SID without its last sub-authority; `None` when it has none.
    #[must_use]
    pub fn domain(&self) -> Option<Self> {
        let count = self.bytes[1].checked_sub(1)?;
        let mut bytes = self.bytes;
        bytes[1] = count;
        let end = 8 + 4 * usize::from(count);
        bytes[end..end + 4].fill(0);
        Some(Self { bytes })
    }

    /// This SID with one more sub-authority; `None` when it has 15 already.
    #[must_use]
    pub fn with_rid(&self, rid: u32) -> Option<Self> {
        let count = usize::from(self.bytes[1]);
        if count == MAX_SUB_AUTHORITIES {
            return None;
        }
        let mut bytes = self.bytes;
        bytes[1] += 1;
        bytes[8 + 4 * count..12 + 4 * count].copy_from_slice(&rid.to_le_bytes());
        Some(Self { bytes })
    }

    /// The SID of an Entra user, group or device from its object id.
    ///
    /// `guid` is the object id in Windows memory order (first three fields
    /// little-endian, as `Uuid::to_bytes_le` gives it); it becomes four
    /// little-endian sub-authorities after `S-1-12-1`.
    #[must_use]
    pub fn from_entra_object_id(guid: [u8; 16]) -> Self {
        let mut bytes = [0; MAX_SID_BYTES];
        bytes[..12].copy_from_slice(&[1, 5, 0, 0, 0, 0, 0, 12, 1, 0, 0, 0]);
        bytes[12..28].copy_from_slice(&guid);
        Self { bytes }
    }

    /// The Entra object id in Windows memory order, when this is an `S-1-12-1-a-b-c-d`.
    #[must_use]
    pub fn entra_object_id(&self) -> Option<[u8; 16]> {
        if self.bytes[..12] != [1, 5, 0, 0, 0, 0, 0, 12, 1, 0, 0, 0] {
            return None;
        }
        let mut guid = [0; 16];
        guid.copy_from_slice(&self.bytes[12..28]);
        Some(guid)
    }

    /// Whether this SID means the same on every machine or belongs to the
    /// machine itself, so that it must never be the source of a pair.
    ///
    /// Covers BUILTIN (`S-1-5-32`), SYSTEM and the two service accounts
    /// (`S-1-5-18/19/20`), Everyone, `S-1-3` (creator), service SIDs
    /// (`S-1-5-80`), AppContainers and capabilities (`S-1-15-2/3`), integrity
    /// (`S-1-16`), central policy (`S-1-17`), trust labels (`S-1-19`), logon
    /// sessions (`S-1-5-5`) and the two "local account" SIDs (`S-1-5-113/114`).
    #[must_use]
    pub fn is_never_mapped(&self) -> bool {
        let mut subs = self.sub_authorities();
        let (first, more) = (subs.next(), subs.next().is_some());
        match (self.authority(), first) {
            (3 | 16 | 17 | 19, _) => true,
            (1, Some(0)) | (5, Some(18 | 19 | 20 | 113 | 114)) => !more,
            (5, Some(5 | 32 | 80)) | (15, Some(2 | 3)) => true,
            _ => false,
        }
    }
}

/// Length of the SID at the start of `bytes`, without copying it.
pub(crate) fn encoded_len_at(bytes: &[u8]) -> Result<usize, SidError> {
    let truncated = |needed| SidError::Truncated {
        needed,
        have: bytes.len(),
    };
    let &[revision, count, ..] = bytes else {
        return Err(truncated(8));
    };
    if revision != 1 {
        return Err(SidError::Revision(revision));
    }
    if usize::from(count) > MAX_SUB_AUTHORITIES {
        return Err(SidError::TooManySubAuthorities(count));
    }
    let len = 8 + 4 * usize::from(count);
    if bytes.len() < len {
        return Err(truncated(len));
    }
    Ok(len)
}

impl PartialEq for Sid {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Sid {}

impl Hash for Sid {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialOrd for Sid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sid {
    fn cmp(&self, other: &Self) -> Ordering {
        self.authority()
            .cmp(&other.authority())
            .then_with(|| self.sub_authorities().cmp(other.sub_authorities()))
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.authority();
        if authority > u64::from(u32::MAX) {
            write!(f, "S-1-0x{authority:012X}")?;
        } else {
            write!(f, "S-1-{authority}")?;
        }
        self.sub_authorities()
            .try_for_each(|sub| write!(f, "-{sub}"))
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sid {
    type Err = SidTextError;

    /// Strict: upper-case `S-1-`, an authority and one to fifteen
    /// sub-authorities of one to ten digits, and nothing around them.
    fn from_str(text: &str) -> Result<Self, SidTextError> {
        let sid = parse_text(text)?;
        if sid.bytes[1] == 0 {
            return Err(SidTextError::NoSubAuthority);
        }
        Ok(sid)
    }
}

fn parse_text(text: &str) -> Result<Sid, SidTextError> {
    let rest = text.strip_prefix("S-").ok_or(SidTextError::Prefix)?;
    let mut parts = rest.split('-');
    if parts.next() != Some("1") {
        return Err(SidTextError::Revision);
    }
    let authority = parts.next().ok_or(SidTextError::NoAuthority)?;
    let authority = parse_authority(authority).ok_or(SidTextError::Authority)?;
    let mut subs = [0; MAX_SUB_AUTHORITIES];
    let mut count = 0;
    for part in parts {
        let slot = subs
            .get_mut(count)
            .ok_or(SidTextError::TooManySubAuthorities)?;
        count += 1;
        *slot = parse_decimal(part).ok_or(SidTextError::SubAuthority(count))?;
    }
    Sid::new(authority, &subs[..count]).ok_or(SidTextError::Authority)
}

fn parse_authority(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) if hex.len() == 12 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            u64::from_str_radix(hex, 16).ok()
        }
        Some(_) => None,
        None => parse_decimal(text).map(u64::from),
    }
}

/// One to ten decimal digits and nothing else: no sign, no blank.
fn parse_decimal(text: &str) -> Option<u32> {
    let plain = (1..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(feature = "serde")]
impl serde::Serialize for Sid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Sid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Sid;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a SID such as S-1-5-21-1-2-3-1001")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Sid, E> {
                parse_text(text)
                    .map_err(|error| E::custom(format_args!("{text:?} is not a SID: {error}")))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(text: &str) -> Sid {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn text_and_bytes_round_trip() {
        for text in [
            "S-1-1-0",
            "S-1-5-18",
            "S-1-5-32-544",
            "S-1-5-21-1-2-3-4294967295",
            "S-1-12-1-0-0-0-0",
            "S-1-4294967295-1",
            "S-1-0x000100000000-7",
            "S-1-0xFFFFFFFFFFFF-0",
            "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15",
        ] {
            let value = sid(text);
            assert_eq!(value.to_string(), text);
            assert_eq!(format!("{value:?}"), text);
            assert_eq!(Sid::from_bytes(value.as_bytes()), Ok(value.clone()));
            assert_eq!(value.to_bytes().len(), value.encoded_len());
        }
        assert_eq!(
            sid("S-1-5-32-544").as_bytes(),
            [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0]
        );
        assert_eq!(sid("S-1-0x000000000005-18"), sid("S-1-5-18"));
    }

    #[test]
    fn refuses_what_is_not_a_sid() {
        use SidTextError as E;
        for (text, error) in [
            ("", E::Prefix),
            ("S", E::Prefix),
            ("S-", E::Revision),
            ("S-1", E::NoAuthority),
            ("S-1-", E::Authority),
            ("S-1-12", E::NoSubAuthority),
            ("s-1-12-1", E::Prefix),
            ("S-1-12--", E::SubAuthority(1)),
            ("S-2-5-18", E::Revision),
            ("S-01-5-18", E::Revision),
            ("S--1-5-18", E::Revision),
            (" S-1-5-18", E::Prefix),
            ("S-1-5-18 ", E::SubAuthority(1)),
            ("S-1-5-", E::SubAuthority(1)),
            ("S-1-5--18", E::SubAuthority(1)),
            ("S-1-5-18-", E::SubAuthority(2)),
            ("S-1-5-+18", E::SubAuthority(1)),
            ("S-1-5-0x12", E::SubAuthority(1)),
            ("S-1-5-4294967296", E::SubAuthority(1)),
            ("S-1-5-00000000018", E::SubAuthority(1)),
            ("S-1-5-١٨", E::SubAuthority(1)),
            ("S-1-4294967296-1", E::Authority),
            ("S-1-0x5-18", E::Authority),
            ("S-1-0x1000000000000-1", E::Authority),
            ("S-1-five-18", E::Authority),
            (
                "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16",
                E::TooManySubAuthorities,
            ),
        ] {
            assert_eq!(text.parse::<Sid>(), Err(error), "{text}");
        }
    }

    #[test]
    fn refuses_bytes_that_are_not_a_sid() {
        assert_eq!(
            Sid::parse(&[1]),
            Err(SidError::Truncated { needed: 8, have: 1 })
        );
        assert_eq!(
            Sid::parse(&[2, 0, 0, 0, 0, 0, 0, 5]),
            Err(SidError::Revision(2))
        );
        assert_eq!(
            Sid::parse(&[1, 16, 0, 0, 0, 0, 0, 5]),
            Err(SidError::TooManySubAuthorities(16))
        );
        assert_eq!(
            Sid::parse(&[1, 1, 0, 0, 0, 0, 0, 5]),
            Err(SidError::Truncated {
                needed: 12,
                have: 8
            })
        );
        let mut more = sid("S-1-5-18").to_bytes();
        more.push(0);
        assert_eq!(Sid::from_bytes(&more), Err(SidError::TrailingBytes(1)));
        assert_eq!(Sid::parse(&more), Ok((sid("S-1-5-18"), 12)));
    }

    #[test]
    fn takes_apart_and_puts_together() {
        let user = sid("S-1-5-21-1-2-3-1001");
        assert_eq!(user.rid(), Some(1001));
        assert_eq!(user.domain(), Some(sid("S-1-5-21-1-2-3")));
        assert_eq!(
            user.domain().and_then(|d| d.with_rid(1001)),
            Some(user.clone())
        );
        let nobody = Sid::new(5, &[]).expect("a SID without sub-authorities");
        assert_eq!(sid("S-1-5-18").domain(), Some(nobody.clone()));
        assert_eq!((nobody.domain(), nobody.rid()), (None, None));
        assert_eq!(nobody.to_string(), "S-1-5");
        assert_eq!(
            sid("S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15").with_rid(1),
            None
        );
        assert!(sid("S-1-5-21-1-2-3-500") < user && sid("S-1-5-21-1-2-3") < user);
        assert!(sid("S-1-2-99") < sid("S-1-5-1"));
    }

    #[test]
    fn entra_object_ids() {
        let guid = [
            0x6f, 0xd8, 0x10, 0x42, 0x97, 0xce, 0xff, 0x4a, 0x97, 0xf7, 0xbd, 0x37, 0x89, 0x72,
            0x79, 0x03,
        ];
        let entra = Sid::from_entra_object_id(guid);
        assert_eq!(
            entra.to_string(),
            "S-1-12-1-1108400239-1258278551-935196567-58290825"
        );
        assert_eq!(entra.entra_object_id(), Some(guid));
        assert_eq!(
            Sid::from_entra_object_id([0; 16]).to_string(),
            "S-1-12-1-0-0-0-0"
        );
        assert_eq!(
            Sid::from_entra_object_id([255; 16]).to_string(),
            "S-1-12-1-4294967295-4294967295-4294967295-4294967295"
        );
        assert_eq!(sid("S-1-5-21-1-2-3-4").entra_object_id(), None);
    }

    #[test]
    fn never_mapped() {
        for text in [
            "S-1-5-32-544",
            "S-1-5-18",
            "S-1-5-19",
            "S-1-5-20",
            "S-1-1-0",
            "S-1-3-0",
            "S-1-3-4",
            "S-1-5-80-956008885-1-2-3-4",
            "S-1-15-2-1",
            "S-1-15-3-1024-1",
            "S-1-16-8192",
            "S-1-17-1",
            "S-1-19-512-4096",
            "S-1-5-5-0-123",
            "S-1-5-113",
            "S-1-5-114",
        ] {
            assert!(sid(text).is_never_mapped(), "{text}");
        }
        for text in [
            "S-1-5-21-1-2-3-500",
            "S-1-12-1-1-2-3-4",
            "S-1-5-21-1-2-3-513",
            "S-1-15-4-1",
            "S-1-22-1-1000",
        ] {
            assert!(!sid(text).is_never_mapped(), "{text}");
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_text_form() {
        let value = sid("S-1-5-21-1-2-3-4");
        let json = serde_json::to_string(&value).expect("a string");
        assert_eq!(json, "\"S-1-5-21-1-2-3-4\"");
        assert_eq!(serde_json::from_str::<Sid>(&json).expect("a SID"), value);
        assert!(serde_json::from_str::<Sid>("\"S-1-5\"").is_ok());
        let error = serde_json::from_str::<Sid>("\"S-1\"").expect_err("refused");
        assert!(error.to_string().contains("no authority"), "{error}");
    }
}
