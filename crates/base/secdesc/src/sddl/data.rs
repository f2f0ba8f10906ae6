//! Conditions and claims as text.

use super::{account, hex};
use crate::claim;
use crate::condition::{self, Kind, Token};
use crate::layout::{u16_at, u32_at};
use crate::sid::Sid;

/// Longer expressions are printed as their bytes: the text is for people.
const MAX_TEXT: usize = 16 * 1024;

/// A condition in infix form with its brackets; as hexadecimal digits where
/// it is not an expression; `None` where there is nothing.
pub(super) fn condition(data: &[u8]) -> Option<String> {
    if data.is_empty() {
        return None;
    }
    let infix = data.strip_prefix(condition::MAGIC).and_then(infix);
    Some(infix.map_or_else(|| hex(data), |text| format!("({text})")))
}

/// Plays the expression on a stack of texts.
fn infix(expression: &[u8]) -> Option<String> {
    let mut stack: Vec<String> = Vec::new();
    for token in condition::tokens(expression) {
        let token = token.ok()?;
        let text = match token.kind {
            Kind::Padding => break,
            Kind::Operator => operator(token.code, &mut stack)?,
            _ => operand(&token, 8)?,
        };
        if text.len() > MAX_TEXT {
            return None;
        }
        stack.push(text);
    }
    match (stack.pop(), stack.is_empty()) {
        (Some(text), true) => Some(text),
        _ => None,
    }
}

fn operator(code: u8, stack: &mut Vec<String>) -> Option<String> {
    let last = stack.pop()?;
    let unary = match code {
        0x87 => Some("Exists "),
        0x89 => Some("Member_of "),
        0x8a => Some("Device_Member_of "),
        0x8b => Some("Member_of_Any "),
        0x8c => Some("Device_Member_of_Any "),
        0x8d => Some("Not_Exists "),
        0x90 => Some("Not_Member_of "),
        0x91 => Some("Not_Device_Member_of "),
        0x92 => Some("Not_Member_of_Any "),
        0x93 => Some("Not_Device_Member_of_Any "),
        0xa2 => return Some(format!("!({last})")),
        _ => None,
    };
    if let Some(word) = unary {
        return Some(format!("{word}{last}"));
    }
    let first = stack.pop()?;
    let word = match code {
        0x80 => "==",
        0x81 => "!=",
        0x82 => "<",
        0x83 => "<=",
        0x84 => ">",
        0x85 => ">=",
        0x86 => "Contains",
        0x88 => "Any_of",
        0x8e => "Not_Contains",
        0x8f => "Not_Any_of",
        0xa0 => return Some(format!("({first}) && ({last})")),
        0xa1 => return Some(format!("({first}) || ({last})")),
        _ => return None,
    };
    Some(format!("{first} {word} {last}"))
}

fn operand(token: &Token<'_>, depth: usize) -> Option<String> {
    let payload = token.payload;
    match token.kind {
        Kind::Integer => payload
            .first_chunk()
            .map(|value| i64::from_le_bytes(*value).to_string()),
        Kind::Text => Some(format!("\"{}\"", utf16(payload))),
        Kind::Octets => Some(format!("#{}", hex(payload))),
        Kind::Sid => Some(format!("SID({})", account(&Sid::from_bytes(payload).ok()?))),
        Kind::Attribute => {
            let whose = match token.code {
                0xf9 => "@User.",
                0xfa => "@Resource.",
                0xfb => "@Device.",
                _ => "",
            };
            Some(format!("{whose}{}", utf16(payload)))
        }
        Kind::Composite => {
            let depth = depth.checked_sub(1)?;
            let items = condition::tokens(payload)
                .map(|item| operand(&item.ok()?, depth))
                .collect::<Option<Vec<_>>>()?;
            Some(format!("{{{}}}", items.join(", ")))
        }
        Kind::Operator | Kind::Padding => None,
    }
}

/// A claim in its brackets; as hexadecimal digits where it does not hold
/// together; `None` where there is nothing.
pub(super) fn claim(data: &[u8]) -> Option<String> {
    if data.is_empty() {
        return None;
    }
    Some(claim_text(data).unwrap_or_else(|| hex(data)))
}

fn claim_text(data: &[u8]) -> Option<String> {
    if data.len() < claim::HEADER_BYTES {
        return None;
    }
    let value_type = u16_at(data, 4);
    let word = match value_type {
        1 => "TI",
        2 => "TU",
        3 => "TS",
        claim::TYPE_SID => "TD",
        6 => "TB",
        16 => "TX",
        _ => return None,
    };
    let name = zero_terminated(data.get(u32_at(data, 0) as usize..)?);
    let mut text = format!("(\"{name}\",{word},{:#x}", u32_at(data, 8));
    for index in 0..u32_at(data, 12) as usize {
        let at = claim::HEADER_BYTES + 4 * index;
        let offset = u32::from_le_bytes(*data.get(at..)?.first_chunk()?);
        let value = data.get(offset as usize..)?;
        text.push(',');
        text.push_str(&claim_value(value_type, value)?);
        if text.len() > MAX_TEXT {
            return None;
        }
    }
    text.push(')');
    Some(text)
}

fn claim_value(value_type: u16, value: &[u8]) -> Option<String> {
    let number = || value.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    let octets = || {
        let len = u32::from_le_bytes(*value.first_chunk()?) as usize;
        value.get(4..)?.get(..len)
    };
    Some(match value_type {
        1 => (number()? as i64).to_string(),
        2 | 6 => number()?.to_string(),
        3 => format!("\"{}\"", zero_terminated(value)),
        claim::TYPE_SID => account(&Sid::from_bytes(octets()?).ok()?),
        _ => hex(octets()?),
    })
}

fn zero_terminated(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| u16_at(pair, 0));
    escaped(units.take_while(|unit| *unit != 0))
}

fn utf16(bytes: &[u8]) -> String {
    escaped(bytes.chunks_exact(2).map(|pair| u16_at(pair, 0)))
}

/// Text whose control characters, quotes and halves of characters are `%` and
/// four hexadecimal digits, so that it cannot steer a terminal or end early.
fn escaped(units: impl Iterator<Item = u16>) -> String {
    let mut text = String::new();
    for unit in char::decode_utf16(units) {
        match unit {
            Ok(c) if c.is_control() || matches!(c, '"' | '%') => {
                text.push_str(&format!("%{:04x}", u32::from(c)));
            }
            Ok(c) => text.push(c),
            Err(half) => text.push_str(&format!("%{:04x}", half.unpaired_surrogate())),
        }
    }
    text
}
