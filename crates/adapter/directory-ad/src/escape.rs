//! Text that becomes part of a filter or a distinguished name.

use gw_model::Guid;
use std::fmt::Write;

/// A value inside a search filter (RFC 4515 section 3): anything that has a meaning there, and
/// every byte outside printable ASCII, as `\xx`.
pub(crate) fn filter(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'*' | b'(' | b')' | b'\\' | 0..=0x1f | 0x7f..=0xff => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\{byte:02x}");
            }
            _ => out.push(char::from(byte)),
        }
    }
    out
}

/// A value inside a relative distinguished name (RFC 4514 section 2.4).
pub(crate) fn dn(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut out = String::with_capacity(value.len());
    for (position, c) in value.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => {
                out.push('\\');
                out.push(c);
            }
            '#' if position == 0 => out.push_str("\\#"),
            ' ' if position == 0 || position == last => out.push_str("\\ "),
            '\0' => out.push_str("\\00"),
            '\n' => out.push_str("\\0a"),
            '\r' => out.push_str("\\0d"),
            _ => out.push(c),
        }
    }
    out
}

/// The DN form by which AD finds an object by its GUID, wherever it was moved (MS-ADTS 3.1.1.3.1.2.4).
pub(crate) fn guid_dn(guid: Guid) -> String {
    format!("<GUID={guid}>")
}

/// The DN form of a well-known container (MS-ADTS 6.1.1.4).
pub(crate) fn well_known_dn(guid_hex: &str, domain_dn: &str) -> String {
    format!("<WKGUID={guid_hex},{domain_dn}>")
}

/// The values of the relative names of a DN, outermost last: `CN=a\,b,DC=x` gives `["a,b", "x"]`.
pub(crate) fn rdn_values(text: &str) -> Vec<String> {
    let mut parts = vec![Vec::new()];
    let mut in_value = false;
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                let first = bytes.next();
                let pair = first.zip(bytes.peek().copied()).and_then(|(high, low)| {
                    let high = char::from(high).to_digit(16)?;
                    let low = char::from(low).to_digit(16)?;
                    u8::try_from(high << 4 | low).ok()
                });
                if pair.is_some() {
                    bytes.next();
                }
                if let (true, Some(value)) = (in_value, pair.or(first)) {
                    push(&mut parts, value);
                }
            }
            b',' => {
                parts.push(Vec::new());
                in_value = false;
            }
            b'=' if !in_value => in_value = true,
            _ if in_value => push(&mut parts, byte),
            _ => {}
        }
    }
    parts
        .into_iter()
        .map(|part| String::from_utf8_lossy(&part).into_owned())
        .collect()
}

fn push(parts: &mut [Vec<u8>], byte: u8) {
    if let Some(part) = parts.last_mut() {
        part.push(byte);
    }
}

/// `DC=source,DC=test` as `source.test`, lower case.
pub(crate) fn dns_name(domain_dn: &str) -> String {
    rdn_values(domain_dn).join(".").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_cannot_be_broken_out_of() {
        assert_eq!(filter("a*)(uid=*"), "a\\2a\\29\\28uid=\\2a");
        assert_eq!(filter("back\\slash\0"), "back\\5cslash\\00");
        assert_eq!(filter("Zoë"), "Zo\\c3\\ab");
    }

    #[test]
    fn names_with_commas_quotes_and_spaces_stay_one_name() {
        for name in [
            "Müller, Jürgen",
            "Robert \"Bob\" O'Neil",
            " lead",
            "trail ",
            "#1",
            "a+b=c;<d>",
            "李",
            "x\\y",
        ] {
            let text = format!("CN={},DC=x", dn(name));
            assert_eq!(rdn_values(&text), [name, "x"], "{text}");
        }
        assert_eq!(
            rdn_values("CN=M\\C3\\BCller\\2C J,OU=a"),
            ["Müller, J", "a"]
        );
        assert_eq!(dns_name("DC=Source,DC=test"), "source.test");
    }

    #[test]
    fn broken_names_are_read_without_panicking() {
        for text in ["", "\\", "CN=\\", "CN=\\e", ",,,=", "CN=\\zz"] {
            let _ = rdn_values(text);
        }
    }
}
