//! One search result entry, decoded without assumptions about what the server sent.

use ldap3::{ResultEntry, asn1::StructureTag};

/// An entry: its DN and the attributes in the order they came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    /// Distinguished name.
    pub(crate) dn: String,
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl Entry {
    /// From the decoded tags of a SearchResultEntry (RFC 4511 4.5.2). `None` if they have another
    /// shape; a DN or attribute name that is not UTF-8 is one, too.
    pub(crate) fn from_result(result: ResultEntry) -> Option<Self> {
        Self::from_tag(result.0)
    }

    pub(crate) fn from_tag(tag: StructureTag) -> Option<Self> {
        let mut parts = tag.match_id(4)?.expect_constructed()?.into_iter();
        let dn = String::from_utf8(parts.next()?.expect_primitive()?).ok()?;
        let mut attributes = Vec::new();
        for attribute in parts.next()?.expect_constructed()? {
            let mut pair = attribute.expect_constructed()?.into_iter();
            let name = String::from_utf8(pair.next()?.expect_primitive()?).ok()?;
            let values = pair
                .next()?
                .expect_constructed()?
                .into_iter()
                .map(StructureTag::expect_primitive)
                .collect::<Option<Vec<_>>>()?;
            attributes.push((name, values));
        }
        Some(Self { dn, attributes })
    }

    /// All values of an attribute, by name without regard to case.
    pub(crate) fn values(&self, name: &str) -> &[Vec<u8>] {
        self.attributes
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map_or(&[], |(_, values)| values)
    }

    /// The first value.
    pub(crate) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.values(name).first().map(Vec::as_slice)
    }

    /// The first value, if it is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.bytes(name)?).ok()
    }

    /// The first value as a number.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// The slice of a ranged attribute: AD answers `member` with `member;range=0-1499`
    /// (MS-ADTS 3.1.1.3.1.3.3). Returns the values and, if there are more, where they start.
    pub(crate) fn ranged(&self, name: &str) -> Option<(&[Vec<u8>], Option<usize>)> {
        self.attributes.iter().find_map(|(full, values)| {
            let (base, option) = full.split_once(';')?;
            if !base.eq_ignore_ascii_case(name) {
                return None;
            }
            let (prefix, range) = option.split_at_checked("range=".len())?;
            if !prefix.eq_ignore_ascii_case("range=") {
                return None;
            }
            let (_, end) = range.split_once('-')?;
            let next = match end {
                "*" => None,
                end => Some(end.parse::<usize>().ok()?.checked_add(1)?),
            };
            Some((values.as_slice(), next))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ldap3::asn1::{PL, TagClass};

    fn leaf(bytes: &[u8]) -> StructureTag {
        StructureTag {
            class: TagClass::Universal,
            id: 4,
            payload: PL::P(bytes.to_vec()),
        }
    }
    fn list(id: u64, tags: Vec<StructureTag>) -> StructureTag {
        StructureTag {
            class: TagClass::Universal,
            id,
            payload: PL::C(tags),
        }
    }
    fn entry(attributes: &[(&str, &[&[u8]])]) -> StructureTag {
        let attributes = attributes
            .iter()
            .map(|(name, values)| {
                let values = values.iter().map(|value| leaf(value)).collect();
                list(16, vec![leaf(name.as_bytes()), list(17, values)])
            })
            .collect();
        list(4, vec![leaf(b"CN=x"), list(16, attributes)])
    }

    #[test]
    fn attributes_are_found_whatever_their_case() {
        let entry =
            Entry::from_tag(entry(&[("objectSid", &[&[1, 0xff]]), ("mail", &[b"a@b"])])).unwrap();
        assert_eq!(entry.bytes("OBJECTSID"), Some(&[1, 0xff][..]));
        assert_eq!(entry.text("objectSid"), None);
        assert_eq!(entry.text("Mail"), Some("a@b"));
        assert!(entry.values("nothing").is_empty());
    }

    #[test]
    fn ranges_tell_where_the_next_slice_starts() {
        let some = Entry::from_tag(entry(&[("member;range=0-1499", &[b"a"])])).unwrap();
        assert_eq!(
            some.ranged("Member").map(|(_, next)| next),
            Some(Some(1500))
        );
        let last = Entry::from_tag(entry(&[("member;Range=1500-*", &[b"a"])])).unwrap();
        assert_eq!(last.ranged("member").map(|(_, next)| next), Some(None));
        for odd in [
            "member;range=0",
            "member;range=0-x",
            "member;ran",
            "member;range=0-18446744073709551615",
        ] {
            assert_eq!(
                Entry::from_tag(entry(&[(odd, &[])]))
                    .unwrap()
                    .ranged("member"),
                None
            );
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        for tag in [
            leaf(b""),
            list(4, vec![]),
            list(4, vec![leaf(b"CN=x")]),
            list(4, vec![leaf(b"\xff"), list(16, vec![])]),
            list(4, vec![leaf(b"CN=x"), leaf(b"")]),
            list(4, vec![leaf(b"CN=x"), list(16, vec![leaf(b"")])]),
            list(
                4,
                vec![leaf(b"CN=x"), list(16, vec![list(16, vec![leaf(b"a")])])],
            ),
            list(5, vec![leaf(b"CN=x"), list(16, vec![])]),
        ] {
            assert_eq!(Entry::from_tag(tag), None);
        }
    }
}
