//! Conditional expressions inside callback ACEs.
//!
//! The application data of a conditional ACE is `artx`, then tokens in reverse
//! Polish order, then zeros up to a multiple of 4 ([MS-DTYP] 2.4.4.17). A SID
//! literal (0x51) can stand alone or inside a composite (0x50), whose length
//! covers the tokens in it. Application data that does not begin with `artx`
//! is somebody's own and opaque.
//!
//! What must stay true: an expression is understood to its last byte or
//! refused, because a SID that was overlooked would change who has access.

use crate::map::SidMap;
use crate::sid::{self, SidError};

/// The four bytes that every conditional expression begins with.
pub(crate) const MAGIC: &[u8; 4] = b"artx";
/// Composites inside composites; Windows itself makes one level.
const MAX_DEPTH: usize = 32;

/// Why a conditional expression cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// A byte that begins no known token.
    #[error("byte {at} of the condition is {token:#04x}, which begins no known token")]
    Token {
        /// Position after `artx`.
        at: usize,
        /// The byte.
        token: u8,
    },
    /// A token runs past the end of the expression or of its composite.
    #[error("the token at byte {at} of the condition runs past the end")]
    Truncated {
        /// Position after `artx` (inside a composite: in it).
        at: usize,
    },
    /// A SID literal is not exactly one SID.
    #[error("the SID literal at byte {at} of the condition cannot be read")]
    Sid {
        /// Position after `artx` (inside a composite: in it).
        at: usize,
        /// What is wrong with it.
        source: SidError,
    },
    /// Bytes other than zero in the padding.
    #[error("something follows the padding at byte {at} of the condition")]
    Padding {
        /// Position after `artx`.
        at: usize,
    },
    /// Too many composites inside each other.
    #[error("composites in the condition are nested deeper than 32 levels")]
    Depth,
}

/// What a token is, as far as SIDs are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An integer of 1, 2, 4 or 8 bytes: value, sign and base in its payload.
    Integer,
    /// UTF-16 text.
    Text,
    /// Octets.
    Octets,
    /// A list of literals.
    Composite,
    /// One SID.
    Sid,
    /// A UTF-16 attribute name; the token byte says whose attribute.
    Attribute,
    /// An operator without payload.
    Operator,
    /// Zeros up to the end.
    Padding,
}

/// One token of an expression.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) code: u8,
    /// Where the token begins in the bytes walked.
    pub(crate) at: usize,
    /// Token byte, length field and payload.
    pub(crate) raw: &'a [u8],
    pub(crate) payload: &'a [u8],
}

/// Splits tokens; stops after the first error or the padding.
pub(crate) struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

pub(crate) fn tokens(bytes: &[u8]) -> Tokens<'_> {
    Tokens { bytes, at: 0 }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Result<Token<'a>, ConditionError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let result = token(self.bytes, self.at);
        self.at = match &result {
            Ok(token) => self.at + token.raw.len(),
            Err(_) => self.bytes.len(),
        };
        Some(result)
    }
}

fn token(bytes: &[u8], at: usize) -> Result<Token<'_>, ConditionError> {
    let code = bytes[at];
    let rest = &bytes[at..];
    let (kind, header): (_, usize) = match code {
        0x00 if rest.iter().all(|byte| *byte == 0) => (Kind::Padding, 1),
        0x00 => return Err(ConditionError::Padding { at }),
        0x01..=0x04 => (Kind::Integer, 1),
        0x10 => (Kind::Text, 5),
        0x18 => (Kind::Octets, 5),
        0x50 => (Kind::Composite, 5),
        0x51 => (Kind::Sid, 5),
        0x80..=0x93 | 0xa0..=0xa2 => (Kind::Operator, 1),
        0xf8..=0xfb => (Kind::Attribute, 5),
        token => return Err(ConditionError::Token { at, token }),
    };
    let payload = match (kind, rest.get(1..5)) {
        (Kind::Integer, _) => 10,
        (Kind::Operator, _) => 0,
        (Kind::Padding, _) => rest.len() - 1,
        (_, Some(&[a, b, c, d])) => u32::from_le_bytes([a, b, c, d]) as usize,
        (_, _) => return Err(ConditionError::Truncated { at }),
    };
    let raw = header
        .checked_add(payload)
        .and_then(|len| rest.get(..len))
        .ok_or(ConditionError::Truncated { at })?;
    Ok(Token {
        kind,
        code,
        at,
        raw,
        payload: &raw[header..],
    })
}

/// Calls `visit(offset in data, SID)` for each SID literal and checks the rest.
pub(crate) fn visit(
    data: &[u8],
    visit: &mut impl FnMut(usize, &[u8]),
) -> Result<(), ConditionError> {
    match data.strip_prefix(MAGIC) {
        Some(expression) => walk(expression, MAGIC.len(), MAX_DEPTH, visit),
        None => Ok(()),
    }
}

fn walk(
    bytes: &[u8],
    base: usize,
    depth: usize,
    visit: &mut impl FnMut(usize, &[u8]),
) -> Result<(), ConditionError> {
    for token in tokens(bytes) {
        let token = token?;
        let payload_at = base + token.at + 5;
        match token.kind {
            Kind::Sid => {
                check_literal(&token)?;
                visit(payload_at, token.payload);
            }
            Kind::Composite if depth == 0 => return Err(ConditionError::Depth),
            Kind::Composite => walk(token.payload, payload_at, depth - 1, visit)?,
            _ => {}
        }
    }
    Ok(())
}

fn check_literal(token: &Token<'_>) -> Result<(), ConditionError> {
    let at = token.at;
    let len =
        sid::encoded_len_at(token.payload).map_err(|source| ConditionError::Sid { at, source })?;
    match token.payload.len() - len {
        0 => Ok(()),
        more => Err(ConditionError::Sid {
            at,
            source: SidError::TrailingBytes(more),
        }),
    }
}

/// Writes `data` with each mapped SID literal replaced and every length that
/// covers it corrected.
pub(crate) fn emit(
    data: &[u8],
    map: &SidMap,
    put: &mut dyn FnMut(&[u8]),
) -> Result<(), ConditionError> {
    match data.strip_prefix(MAGIC) {
        Some(expression) => {
            put(MAGIC);
            emit_tokens(expression, map, MAX_DEPTH, put)
        }
        None => {
            put(data);
            Ok(())
        }
    }
}

fn emit_tokens(
    bytes: &[u8],
    map: &SidMap,
    depth: usize,
    put: &mut dyn FnMut(&[u8]),
) -> Result<(), ConditionError> {
    for token in tokens(bytes) {
        let token = token?;
        match token.kind {
            Kind::Sid => {
                let sid = map.lookup(token.payload).unwrap_or(token.payload);
                put_header(&token, sid.len(), put);
                put(sid);
            }
            Kind::Composite if depth == 0 => return Err(ConditionError::Depth),
            Kind::Composite => {
                let mut len = token.payload.len();
                walk(token.payload, 0, depth - 1, &mut |_, sid| {
                    len = len - sid.len() + map.lookup(sid).map_or(sid.len(), <[u8]>::len);
                })?;
                put_header(&token, len, put);
                emit_tokens(token.payload, map, depth - 1, put)?;
            }
            _ => put(token.raw),
        }
    }
    Ok(())
}

fn put_header(token: &Token<'_>, len: usize, put: &mut dyn FnMut(&[u8])) {
    put(&[token.code]);
    put(&(len as u32).to_le_bytes());
}
