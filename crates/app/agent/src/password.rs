//! The fallback administrator's password: drawn here, typed by a person at a sign-in screen if all
//! else fails. So it has no look-alikes, and groups that can be read aloud.

use gw_wire::{
    keys::{KeyError, random},
    secret::SecretBytes,
};
use zeroize::{Zeroize as _, Zeroizing};

/// Upper case, lower case and digits without `I`, `O`, `l`, `o`, `0` and `1`.
const SIGNS: &[u8; 56] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
const GROUPS: usize = 5;
const GROUP: usize = 5;

/// A new password: 25 random signs (145 bits) in groups of five, 29 characters with the hyphens.
/// Windows' rule of complexity holds: all four kinds of characters, and not the account's name.
///
/// # Errors
/// No randomness.
pub(crate) fn generate(account: &str) -> Result<SecretBytes, KeyError> {
    let account = account.to_lowercase();
    loop {
        let password = draw()?;
        let is = |kind: fn(&char) -> bool| password.chars().any(|sign| kind(&sign));
        let complex = is(char::is_ascii_uppercase)
            && is(char::is_ascii_lowercase)
            && is(char::is_ascii_digit);
        // A name that is empty is in every password.
        let named = !account.is_empty() && password.to_lowercase().contains(&account);
        if complex && !named {
            return Ok(SecretBytes::new(password.as_bytes().to_vec()));
        }
    }
}

fn draw() -> Result<Zeroizing<String>, KeyError> {
    let mut password = Zeroizing::new(String::with_capacity(GROUPS * (GROUP + 1)));
    let mut drawn = 0;
    while drawn < GROUPS * GROUP {
        let mut bytes = random::<64>()?;
        for byte in bytes {
            // Six bits; what is no sign is thrown away, so that all signs are as likely.
            let Some(sign) = SIGNS.get(usize::from(byte & 63)) else {
                continue;
            };
            if drawn == GROUPS * GROUP {
                break;
            }
            if drawn > 0 && drawn % GROUP == 0 {
                password.push('-');
            }
            password.push(char::from(*sign));
            drawn += 1;
        }
        bytes.zeroize();
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn passwords_are_long_complex_and_never_the_same() {
        let mut seen = BTreeSet::new();
        let mut signs: BTreeMap<char, u32> = BTreeMap::new();
        for _ in 0..2000 {
            let secret = generate("GodwitFallback").unwrap();
            let text = std::str::from_utf8(secret.expose()).unwrap().to_owned();
            assert_eq!(text.len(), 29);
            let groups: Vec<&str> = text.split('-').collect();
            assert!(groups.len() == GROUPS && groups.iter().all(|group| group.len() == GROUP));
            for kind in [
                |c: char| c.is_ascii_uppercase(),
                |c: char| c.is_ascii_lowercase(),
                |c: char| c.is_ascii_digit(),
                |c: char| c == '-',
            ] {
                assert!(text.chars().any(kind), "{text}");
            }
            for sign in text.chars().filter(|sign| *sign != '-') {
                *signs.entry(sign).or_default() += 1;
            }
            assert!(seen.insert(text));
        }
        // 50,000 draws of 56 signs: each about 893 times; six deviations either way.
        assert_eq!(signs.len(), SIGNS.len());
        assert!(signs.values().all(|n| (710..1080).contains(n)), "{signs:?}");
    }

    #[test]
    fn the_account_is_not_named() {
        for _ in 0..300 {
            let secret = generate("A").unwrap();
            let text = String::from_utf8(secret.expose().to_vec()).unwrap();
            assert!(!text.to_lowercase().contains('a'), "{text}");
        }
    }
}
