//! Computer names from a pattern with `%SERIAL%` and `%RAND:X%`.

/// Why a pattern or a name cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Longer than NetBIOS allows.
    #[error("`{0}` has more than 15 characters")]
    TooLong(String),
    /// Nothing left.
    #[error("the computer name is empty")]
    Empty,
    /// Windows and DNS refuse these characters.
    #[error(
        "`{name}` contains `{character}`; use letters, digits and hyphens, and neither begin nor end with a hyphen"
    )]
    Character {
        /// The name.
        name: String,
        /// The first offending character.
        character: char,
    },
    /// A name of digits only cannot be told from an address.
    #[error("`{0}` consists of digits only; add a letter")]
    DigitsOnly(String),
    /// `%RAND:X%` with X outside 1…14, or an unknown placeholder.
    #[error("`{0}` is not a placeholder; use %SERIAL% or %RAND:1% to %RAND:14%")]
    Placeholder(String),
    /// The firmware tells a filler instead of a serial number.
    #[error(
        "the device's serial number is `{0}`, which is a filler; use %RAND:X% for such devices"
    )]
    FillerSerial(String),
}

/// Checks a computer name by the rules of Windows and DNS.
///
/// # Errors
/// The rule that it breaks.
pub fn check_computer_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    let bad = name
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && *c != '-');
    let edge = (name.starts_with('-') || name.ends_with('-')).then_some('-');
    if let Some(character) = bad.or(edge) {
        return Err(NameError::Character {
            name: name.into(),
            character,
        });
    }
    if name.len() > 15 {
        return Err(NameError::TooLong(name.into()));
    }
    if name.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NameError::DigitsOnly(name.into()));
    }
    Ok(())
}

/// The name that `pattern` gives on a device. `digit` returns a random number in 0…35 per call.
///
/// Illegal characters of the serial number are dropped, and its *last* characters kept, since
/// these tell devices of one maker apart.
///
/// # Errors
/// The pattern or the resulting name cannot be used.
pub fn computer_name(
    pattern: &str,
    serial: &str,
    mut digit: impl FnMut() -> u8,
) -> Result<String, NameError> {
    let parts = parse(pattern)?;
    let fixed: usize = parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.chars().count(),
            Part::Random(count) => *count,
            Part::Serial => 0,
        })
        .sum();
    let mut name = String::new();
    for part in parts {
        match part {
            Part::Text(text) => name.push_str(text),
            Part::Random(count) => {
                for _ in 0..count {
                    let at = usize::from(digit() % 36);
                    name.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[at]));
                }
            }
            Part::Serial => {
                let clean: Vec<char> = usable_serial(serial)?;
                let room = 15usize.saturating_sub(fixed).min(clean.len());
                name.extend(&clean[clean.len() - room..]);
            }
        }
    }
    let name = name.trim_matches('-').to_owned();
    check_computer_name(&name)?;
    Ok(name)
}

/// Whether `pattern` draws a part of the name, so that asking again gives another one.
#[must_use]
pub fn draws_names(pattern: &str) -> bool {
    parse(pattern).is_ok_and(|parts| parts.iter().any(|part| matches!(part, Part::Random(_))))
}

fn usable_serial(serial: &str) -> Result<Vec<char>, NameError> {
    const FILLERS: [&str; 6] = [
        "to be filled by o.e.m.",
        "default string",
        "0",
        "none",
        "system serial number",
        "",
    ];
    if FILLERS.contains(&serial.trim().to_ascii_lowercase().as_str()) {
        return Err(NameError::FillerSerial(serial.into()));
    }
    let clean: Vec<char> = serial
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    if clean.is_empty() {
        return Err(NameError::FillerSerial(serial.into()));
    }
    Ok(clean)
}

enum Part<'a> {
    Text(&'a str),
    Serial,
    Random(usize),
}

fn parse(pattern: &str) -> Result<Vec<Part<'_>>, NameError> {
    let mut parts = Vec::new();
    for (n, piece) in pattern.split('%').enumerate() {
        let inside = n % 2 == 1;
        match (inside, piece) {
            (false, "") => {}
            (false, text) => parts.push(Part::Text(text)),
            (true, "SERIAL") => parts.push(Part::Serial),
            (true, other) => {
                let count = other
                    .strip_prefix("RAND:")
                    .and_then(|x| x.parse::<usize>().ok())
                    .filter(|x| (1..15).contains(x));
                parts.push(Part::Random(
                    count.ok_or_else(|| NameError::Placeholder(format!("%{other}%")))?,
                ));
            }
        }
    }
    if pattern.matches('%').count() % 2 == 1 {
        return Err(NameError::Placeholder(pattern.into()));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let name = |pattern: &str, serial: &str| {
            let mut n = 0;
            computer_name(pattern, serial, || {
                n += 1;
                n
            })
        };
        assert_eq!(
            name("PC-%SERIAL%", "5CD 1234/XYZ").unwrap(),
            "PC-5CD1234XYZ"
        );
        assert_eq!(
            name("LAPTOP-%SERIAL%", "ABCDEFGHIJKL").unwrap(),
            "LAPTOP-EFGHIJKL"
        );
        assert_eq!(name("W-%RAND:4%", "").unwrap(), "W-BCDE");
        assert!(draws_names("W-%RAND:4%") && draws_names("%SERIAL%%RAND:2%"));
        for pattern in ["PC-%SERIAL%", "%RAND:15%", "PC-RAND"] {
            assert!(!draws_names(pattern), "{pattern}");
        }
        assert!(matches!(
            name("%SERIAL%", "Default string"),
            Err(NameError::FillerSerial(_))
        ));
        assert!(matches!(
            name("%SERIAL%", "12345"),
            Err(NameError::DigitsOnly(_))
        ));
        assert!(matches!(
            name("%RAND:15%", ""),
            Err(NameError::Placeholder(_))
        ));
        assert!(matches!(
            name("PC-%SERIAL", "1"),
            Err(NameError::Placeholder(_))
        ));
        assert!(matches!(
            name("PC_1", ""),
            Err(NameError::Character { character: '_', .. })
        ));
        assert!(matches!(
            name("ABCDEFGHIJKLMNOP", ""),
            Err(NameError::TooLong(_))
        ));
    }
}
