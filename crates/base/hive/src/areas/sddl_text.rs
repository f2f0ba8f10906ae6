//! Accounts in the security descriptor definition language, changed as text.
//!
//! The rules are those of binary descriptors: in *replace* every mapped SID is
//! exchanged, and an entry that became equal to one before it in the same list
//! is left out; in *add* owner and group stay and the mapped entry is put
//! directly behind its original unless the list has it already. Everything
//! else, letters for well-known accounts included, stays as it is written.

use gw_secdesc::{Mode, Sid, SidMap};

/// The text by the rules, or `None` when nothing changes.
#[must_use]
pub fn translate(text: &str, map: &SidMap, mode: Mode) -> Option<String> {
    let pieces = pieces(text);
    let mapped = |text: &str| exchange(text, |sid| map.target(sid).cloned());
    let mut out = String::with_capacity(text.len() + 64);
    let mut list: Vec<(String, bool)> = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Plain(plain) => {
                // Between entries nothing stands: another list begins.
                list.clear();
                match (mode, mapped(plain)) {
                    (Mode::Replace, Some(new)) => out.push_str(&new),
                    _ => out.push_str(plain),
                }
            }
            Piece::Entry(entry) => {
                let new = mapped(entry);
                match (mode, new) {
                    (Mode::Replace, new) => {
                        let changed = new.is_some();
                        let entry = new.unwrap_or_else(|| (*entry).to_owned());
                        let double = list
                            .iter()
                            .any(|(kept, moved)| *kept == entry && (*moved || changed));
                        if !double {
                            out.push_str(&entry);
                            list.push((entry, changed));
                        }
                    }
                    (Mode::Add, None) => out.push_str(entry),
                    (Mode::Add, Some(new)) => {
                        out.push_str(entry);
                        let there = list.iter().any(|(kept, _)| *kept == new)
                            || same_list(&pieces, index).any(|other| other == new);
                        if !there {
                            out.push_str(&new);
                            list.push((new, true));
                        }
                    }
                }
            }
        }
    }
    (out != text).then_some(out)
}

/// Every SID that is written out in the text, once each.
#[must_use]
pub fn sids(text: &str) -> Vec<Sid> {
    let mut found = Vec::new();
    exchange(text, |sid| {
        if !found.contains(sid) {
            found.push(sid.clone());
        }
        None
    });
    found
}

/// The text with SIDs exchanged by `target`, or `None` when none was.
pub(super) fn exchange(text: &str, mut target: impl FnMut(&Sid) -> Option<Sid>) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let (mut copied, mut at) = (0, 0);
    while at + 4 < bytes.len() {
        let begins = bytes[at..at + 4].eq_ignore_ascii_case(b"S-1-")
            && (at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'-'));
        if !begins {
            at += 1;
            continue;
        }
        let len = bytes[at + 4..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit() || **byte == b'-')
            .count();
        let end = at + 4 + len;
        // A SID that runs on into a word is no SID; the next part may follow at once.
        let runs_on = match &bytes[end..] {
            [b'O' | b'G' | b'D' | b'S', b':', ..] => false,
            [byte, ..] => byte.is_ascii_alphanumeric() || *byte == b'_',
            [] => false,
        };
        let sid = text[at..end].to_ascii_uppercase().parse::<Sid>().ok();
        if let Some(sid) = sid.filter(|_| !runs_on)
            && let Some(new) = target(&sid)
        {
            out.push_str(&text[copied..at]);
            out.push_str(&new.to_string());
            copied = end;
        }
        at = end;
    }
    if copied == 0 {
        return None;
    }
    out.push_str(&text[copied..]);
    Some(out)
}

enum Piece<'t> {
    /// Owner, group, the beginning of a list with its flags.
    Plain(&'t str),
    /// One entry with its brackets.
    Entry(&'t str),
}

/// The entries of the list that the piece at `index` is in.
fn same_list<'p, 't>(
    pieces: &'p [Piece<'t>],
    index: usize,
) -> impl Iterator<Item = &'t str> + use<'p, 't> {
    let entry = |piece: &Piece<'t>| match piece {
        Piece::Entry(entry) => Some(*entry),
        Piece::Plain(_) => None,
    };
    let first = pieces[..index]
        .iter()
        .rposition(|piece| entry(piece).is_none())
        .map_or(0, |plain| plain + 1);
    pieces[first..].iter().map_while(entry)
}

/// Cuts the text where brackets open and close on the outermost level; text in
/// quotation marks has no brackets.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let (mut from, mut depth, mut quoted) = (0, 0_usize, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if depth > 0 => quoted = !quoted,
            b'(' if !quoted => {
                if depth == 0 && at > from {
                    out.push(Piece::Plain(&text[from..at]));
                    from = at;
                }
                depth += 1;
            }
            b')' if !quoted && depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    out.push(Piece::Entry(&text[from..=at]));
                    from = at + 1;
                }
            }
            _ => {}
        }
    }
    if from < text.len() {
        out.push(Piece::Plain(&text[from..]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> SidMap {
        let sid = |text: &str| text.parse::<Sid>().unwrap();
        SidMap::new([
            (sid("S-1-5-21-1-2-3-1001"), sid("S-1-5-21-4-5-6-2001")),
            (sid("S-1-5-21-1-2-3-1002"), sid("S-1-12-1-7-8-9-10")),
        ])
        .unwrap()
    }

    #[test]
    fn lists_follow_the_rules_of_binary_ones() {
        const A: &str = "S-1-5-21-1-2-3-1001";
        const B: &str = "S-1-5-21-4-5-6-2001";
        let cases = [
            (
                format!("O:{A}G:BAD:P(A;;FA;;;{A})(A;;FA;;;SY)"),
                Some(format!("O:{B}G:BAD:P(A;;FA;;;{B})(A;;FA;;;SY)")),
                Some(format!(
                    "O:{A}G:BAD:P(A;;FA;;;{A})(A;;FA;;;{B})(A;;FA;;;SY)"
                )),
            ),
            // Both are there already: one is left, or nothing is added.
            (
                format!("D:(A;;FA;;;{A})(A;;FA;;;{B})"),
                Some(format!("D:(A;;FA;;;{B})")),
                None,
            ),
            // The same entry in the other list is another entry.
            (
                format!("D:(A;;FA;;;{A})S:(A;;FA;;;{B})"),
                Some(format!("D:(A;;FA;;;{B})S:(A;;FA;;;{B})")),
                Some(format!("D:(A;;FA;;;{A})(A;;FA;;;{B})S:(A;;FA;;;{B})")),
            ),
            // A condition and a bracket in a text.
            (
                format!(r#"D:(XA;;FX;;;WD;(@USER.x == "(" && Member_of{{SID({A})}}))"#),
                Some(format!(
                    r#"D:(XA;;FX;;;WD;(@USER.x == "(" && Member_of{{SID({B})}}))"#
                )),
                Some(format!(
                    r#"D:(XA;;FX;;;WD;(@USER.x == "(" && Member_of{{SID({A})}}))(XA;;FX;;;WD;(@USER.x == "(" && Member_of{{SID({B})}}))"#
                )),
            ),
            (format!("D:(A;;FA;;;{A}5)"), None, None),
            ("D:(A;;FA;;;BA)".to_owned(), None, None),
            (String::new(), None, None),
        ];
        for (text, replaced, added) in cases {
            assert_eq!(translate(&text, &map(), Mode::Replace), replaced, "{text}");
            assert_eq!(translate(&text, &map(), Mode::Add), added, "{text}");
        }
    }

    #[test]
    fn a_second_pass_changes_nothing() {
        let text =
            "O:S-1-5-21-1-2-3-1002D:(A;;FA;;;S-1-5-21-1-2-3-1001)(A;;FA;;;s-1-5-21-1-2-3-1001)";
        for mode in [Mode::Add, Mode::Replace] {
            let once = translate(text, &map(), mode).unwrap();
            assert_eq!(translate(&once, &map(), mode), None, "{once}");
        }
        assert_eq!(sids(text).len(), 2);
        // Something between two entries that belongs nowhere.
        let torn = "D:(A;;FA;;;S-1-5-21-1-2-3-1001)x(A;;FA;;;S-1-5-21-1-2-3-1001)";
        let once = translate(torn, &map(), Mode::Add).unwrap();
        assert_eq!(translate(&once, &map(), Mode::Add), None, "{once}");
    }
}
