//! Writing LDIF (RFC 2849) and reading what `ldbsearch` prints of it.

use std::{collections::BTreeMap, fmt::Write};

/// One entry being written.
pub(super) struct Record(String);

impl Record {
    pub(super) fn new(dn: &str) -> Self {
        let mut record = Self(String::new());
        record.put("dn", dn.as_bytes());
        record
    }

    /// One value; base64 where LDIF asks for it.
    pub(super) fn put(&mut self, name: &str, value: &[u8]) -> &mut Self {
        let safe = value.iter().all(|b| (0x20..0x7f).contains(b))
            && !value
                .first()
                .is_some_and(|b| matches!(b, b' ' | b':' | b'<'))
            && value.last() != Some(&b' ');
        // Writing to a String cannot fail.
        let _ = match (safe, std::str::from_utf8(value)) {
            (true, Ok(text)) => writeln!(self.0, "{name}: {text}"),
            _ => writeln!(self.0, "{name}:: {}", base64(value)),
        };
        self
    }

    pub(super) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.put(name, value.as_bytes())
    }

    /// Samba's offline way to set a password: UTF-16LE without quotes.
    pub(super) fn password(&mut self, password: &str) -> &mut Self {
        let bytes: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let _ = writeln!(self.0, "clearTextPassword:: {}", base64(&bytes));
        self
    }

    pub(super) fn end(self) -> String {
        self.0 + "\n"
    }
}

/// RFC 4648, with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0_usize, |word, byte| word << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        for position in 0..4 {
            let digit = DIGITS[word >> (18 - 6 * position) & 63];
            out.push(if position <= chunk.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    out
}

fn unbase64(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Vec<u8> = text.bytes().filter_map(value).collect();
    let mut out = Vec::new();
    for chunk in digits.chunks(4) {
        let word = chunk
            .iter()
            .fold(0_u32, |word, digit| word << 6 | u32::from(*digit))
            << (6 * (4 - chunk.len()));
        out.extend(word.to_be_bytes().iter().skip(1).take(chunk.len() - 1));
    }
    out
}

/// An entry as printed: attribute name to values.
pub type Printed = BTreeMap<String, Vec<String>>;

/// Reads `ldbsearch` output: unfolds lines, decodes base64, skips comments and referrals.
pub(super) fn parse(text: &str) -> Vec<Printed> {
    let unfolded = text.replace("\r\n", "\n").replace("\n ", "");
    let mut entries = Vec::new();
    for block in unfolded.split("\n\n") {
        let mut entry = Printed::new();
        for line in block.lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, value)) = line.split_once(':') {
                let value = match value.strip_prefix(':') {
                    Some(encoded) => String::from_utf8_lossy(&unbase64(encoded)).into_owned(),
                    None => value.strip_prefix(' ').unwrap_or(value).to_owned(),
                };
                entry.entry(name.to_owned()).or_default().push(value);
            }
        }
        if entry.contains_key("dn") {
            entries.push(entry);
        }
    }
    entries
}

/// A value inside a DN (RFC 4514), for writing.
pub(super) fn escape(value: &str) -> String {
    let mut out = String::new();
    for (position, c) in value.char_indices() {
        let special = "\"+,;<>\\=".contains(c)
            || (position == 0 && (c == '#' || c == ' '))
            || (c == ' ' && position + 1 == value.len());
        if special {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let mut record = Record::new("CN=Müller\\, J,DC=x");
        record
            .text("cn", "Müller, J")
            .text("plain", "a b")
            .text("odd", " lead")
            .password("ab");
        let text = record.end();
        let read = parse(&text);
        assert_eq!(read[0]["dn"], ["CN=Müller\\, J,DC=x"]);
        assert_eq!(read[0]["odd"], [" lead"]);
        assert_eq!(read[0]["clearTextPassword"], ["a\0b\0"]);
        for length in 0..10_u8 {
            let bytes: Vec<u8> = (0..length).map(|n| n.wrapping_mul(77)).collect();
            assert_eq!(unbase64(&base64(&bytes)), bytes);
        }
        assert_eq!(base64(b"any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
    }

    #[test]
    fn folded_lines_are_put_together() {
        assert_eq!(
            parse("# c\ndn: CN=a\n b,DC=x\n\n# ref\nref: ldap://y\n")[0]["dn"],
            ["CN=ab,DC=x"]
        );
    }
}
