//! Upper case as the registry sees it.
//!
//! Subkeys are sorted and found by the upper case of their UTF-16 units, and
//! the name hash of an `lh` list is taken over it. Windows maps one unit to one
//! unit by a fixed table and knows no locale, so `ß` stays `ß` and `ı` stays
//! `ı`. The table here is that of the volume's `$UpCase` (Windows Vista and
//! later), so it does not move with the Unicode version of the compiler.

mod table;

use std::cmp::Ordering;

/// Upper case of one UTF-16 unit.
#[must_use]
pub fn upcase(unit: u16) -> u16 {
    match unit {
        0x61..=0x7a => unit - 0x20,
        0..=0x7f => unit,
        _ => upcase_by_table(unit),
    }
}

fn upcase_by_table(unit: u16) -> u16 {
    let after = table::RUNS.partition_point(|run| run.0 <= unit);
    let Some((first, last, step, difference)) = after.checked_sub(1).map(|at| table::RUNS[at])
    else {
        return unit;
    };
    if unit > last || !(unit - first).is_multiple_of(step) {
        return unit;
    }
    (i32::from(unit) + difference) as u16
}

/// Order of two names by the upper case of their units: the order of every subkey list.
pub fn compare(
    left: impl IntoIterator<Item = u16>,
    right: impl IntoIterator<Item = u16>,
) -> Ordering {
    left.into_iter()
        .map(upcase)
        .cmp(right.into_iter().map(upcase))
}

/// The hash an `lh` list keeps beside each name: `h = 37 h + unit`, over upper case.
pub fn name_hash(name: impl IntoIterator<Item = u16>) -> u32 {
    name.into_iter().map(upcase).fold(0, |hash: u32, unit| {
        hash.wrapping_mul(37).wrapping_add(u32::from(unit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up(text: &str) -> String {
        let units: Vec<u16> = text.encode_utf16().map(upcase).collect();
        String::from_utf16_lossy(&units)
    }

    #[test]
    fn maps_what_windows_maps() {
        assert_eq!(
            up("software\\Ünïcode-привет-ÿ"),
            "SOFTWARE\\ÜNÏCODE-ПРИВЕТ-Ÿ"
        );
    }

    #[test]
    fn leaves_alone_what_windows_leaves_alone() {
        // Unicode has upper-case forms for these; the table of Windows has none.
        for text in ["ß", "ı", "ſ", "µ", "ა"] {
            assert_eq!(up(text), text);
        }
    }

    #[test]
    fn is_idempotent_for_every_unit() {
        for unit in 0..=u16::MAX {
            assert_eq!(upcase(upcase(unit)), upcase(unit), "unit {unit:#06x}");
        }
    }

    #[test]
    fn hash_is_the_same_for_both_cases() {
        assert_eq!(
            name_hash("Software".encode_utf16()),
            name_hash("SOFTWARE".encode_utf16())
        );
        // Worked by hand: 'A' = 65, 'B' = 66: 65 * 37 + 66.
        assert_eq!(name_hash("ab".encode_utf16()), 2471);
    }
}
