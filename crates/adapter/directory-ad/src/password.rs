//! Random machine passwords.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use gw_directory::Secret;
use zeroize::Zeroizing;

/// Characters of a machine password, as Windows' own machine passwords have (MS-NRPC 3.1.4).
const LENGTH: usize = 120;

/// 120 characters drawn evenly from 64 printable ASCII ones: 720 bits. None of them needs quoting
/// in `unicodePwd`, a shell, LDIF or a keytab. `None` if the system gives no randomness.
pub(crate) fn random() -> Option<Secret> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let source = SystemRandom::new();
    let mut bytes = Zeroizing::new([0_u8; LENGTH]);
    loop {
        source.fill(bytes.as_mut_slice()).ok()?;
        let text: String = bytes
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(byte & 63)]))
            .collect();
        let secret = Secret::new(text);
        if is_complex(secret.expose()) {
            return Some(secret);
        }
    }
}

/// The value of `unicodePwd`: UTF-16LE in double quotes (MS-ADTS 3.1.1.3.1.5.1).
pub(crate) fn unicode_pwd(password: &Secret) -> Vec<u8> {
    ['"']
        .into_iter()
        .chain(password.expose().chars())
        .chain(['"'])
        .flat_map(|c| {
            let mut units = [0; 2];
            let used = c.encode_utf16(&mut units).len();
            units.into_iter().take(used).flat_map(u16::to_le_bytes)
        })
        .collect()
}

/// All four character classes, so that no complexity rule can object.
fn is_complex(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_uppercase())
        && text.contains(|c: char| c.is_ascii_lowercase())
        && text.contains(|c: char| c.is_ascii_digit())
        && text.contains(['-', '_'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_complex_and_different() {
        let one = random().unwrap();
        let two = random().unwrap();
        assert_eq!(one.expose().chars().count(), LENGTH);
        assert!(is_complex(one.expose()));
        assert_ne!(one.expose(), two.expose());
        let wire = unicode_pwd(&one);
        assert_eq!(wire.len(), (LENGTH + 2) * 2);
        assert_eq!(wire[..2], [b'"', 0]);
        assert_eq!(wire[wire.len() - 2..], [b'"', 0]);
    }
}
