//! Pre-shared keys. They are made, never typed, and carry a pin of the customer's root, so that
//! an agent knows its server before the first contact.
//!
//! Text: `gwp1.` + base32 (RFC 4648, upper case, no padding) of 38 bytes:
//! tag (4) ‖ secret (16) ‖ pin (16) ‖ check (2), where check is the first two bytes of
//! SHA-256(`"gwp1."` ‖ the 36 bytes before).

use crate::{
    keys::{KeyError, Pin, PublicKey, random, sha256},
    secret::SecretBytes,
};
use aws_lc_rs::{hkdf, hmac};
use data_encoding::BASE32_NOPAD;
use std::{fmt, str::FromStr};
use zeroize::Zeroizing;

/// The text is not a pre-shared key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PskError {
    /// It begins differently.
    #[error("a pre-shared key begins with `gwp1.`; copy it from the console")]
    Prefix,
    /// Cut off, or holds other characters.
    #[error(
        "the pre-shared key is cut off or holds a wrong character; copy it again from the console"
    )]
    Form,
    /// The check bytes differ.
    #[error("the pre-shared key has a mistake in it; copy it again from the console")]
    Check,
}

/// By which a server finds a pre-shared key: random, and no secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PskTag(pub [u8; 4]);

impl fmt::Display for PskTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PskTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PskTag {
    type Err = PskError;
    fn from_str(text: &str) -> Result<Self, PskError> {
        let mut tag = [0; 4];
        hex::decode_to_slice(text, &mut tag).map_err(|_| PskError::Form)?;
        Ok(Self(tag))
    }
}

impl serde::Serialize for PskTag {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for PskTag {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A pre-shared key.
#[derive(Clone, PartialEq, Eq)]
pub struct Psk {
    /// By which the server finds it.
    pub tag: PskTag,
    /// 16 random bytes.
    pub secret: SecretBytes,
    /// Which root to believe.
    pub pin: Pin,
}

impl Psk {
    /// A new key that admits agents and pins `root`.
    ///
    /// # Errors
    /// No randomness.
    pub fn generate(root: &PublicKey) -> Result<Self, KeyError> {
        Ok(Self {
            tag: PskTag(random()?),
            secret: SecretBytes::new(random::<16>()?.to_vec()),
            pin: root.id().pin(),
        })
    }

    /// The text that goes into an installer's command line. It is a secret.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut raw = Zeroizing::new(Vec::with_capacity(38));
        raw.extend_from_slice(&self.tag.0);
        raw.extend_from_slice(self.secret.expose());
        raw.extend_from_slice(&self.pin.0);
        let check = check(&raw);
        raw.extend_from_slice(&check);
        let body = Zeroizing::new(BASE32_NOPAD.encode(&raw));
        Zeroizing::new([PREFIX, body.as_str()].concat())
    }

    /// The key for the MAC of an enrolment: HKDF-SHA256 with salt `godwit psk v1`, the secret as
    /// input, the pin as info; 32 bytes. A server may store this instead of the secret.
    ///
    /// # Errors
    /// Never in practice; the key schedule is of fixed length.
    pub fn mac_key(&self) -> Result<PskMacKey, KeyError> {
        let info = [self.pin.0.as_slice()];
        let prk =
            hkdf::Salt::new(hkdf::HKDF_SHA256, b"godwit psk v1").extract(self.secret.expose());
        let okm = prk
            .expand(&info, hkdf::HKDF_SHA256)
            .map_err(|_| KeyError::Random)?;
        let mut key = Zeroizing::new([0_u8; 32]);
        okm.fill(key.as_mut_slice()).map_err(|_| KeyError::Random)?;
        Ok(PskMacKey(SecretBytes::new(key.to_vec())))
    }
}

impl fmt::Debug for Psk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Psk({}, pin {})", self.tag, self.pin)
    }
}

impl FromStr for Psk {
    type Err = PskError;
    fn from_str(text: &str) -> Result<Self, PskError> {
        let text = text.trim();
        let body = match (text.get(..PREFIX.len()), text.get(PREFIX.len()..)) {
            (Some(prefix), Some(body)) if prefix.eq_ignore_ascii_case(PREFIX) => body,
            _ => return Err(PskError::Prefix),
        };
        let upper = Zeroizing::new(body.to_ascii_uppercase());
        let raw = BASE32_NOPAD.decode(upper.as_bytes()).map(Zeroizing::new);
        let raw = raw.map_err(|_| PskError::Form)?;
        let raw: &[u8; 38] = raw.as_slice().try_into().map_err(|_| PskError::Form)?;
        let (content, given) = raw.split_at(36);
        if check(content) != given {
            return Err(PskError::Check);
        }
        let mut psk = Self {
            tag: PskTag([0; 4]),
            secret: SecretBytes::new(content[4..20].to_vec()),
            pin: Pin([0; 16]),
        };
        psk.tag.0.copy_from_slice(&content[..4]);
        psk.pin.0.copy_from_slice(&content[20..]);
        Ok(psk)
    }
}

/// The derived key of [`Psk::mac_key`]; 32 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PskMacKey(pub SecretBytes);

impl PskMacKey {
    /// HMAC-SHA256 over a transcript's hash.
    #[must_use]
    pub fn mac(&self, transcript: &[u8; 32]) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose());
        hmac::sign(&key, transcript).as_ref().to_vec()
    }

    /// Does this MAC hold? In constant time.
    #[must_use]
    pub fn holds(&self, transcript: &[u8; 32], mac: &[u8]) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose());
        hmac::verify(&key, transcript, mac).is_ok()
    }
}

fn check(content: &[u8]) -> [u8; 2] {
    let hash = sha256(&[PREFIX.as_bytes(), content].concat());
    [hash[0], hash[1]]
}

const PREFIX: &str = "gwp1.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Algorithm, SigningKey};

    #[test]
    fn text_round_trips_and_every_typo_is_noticed() {
        let root = SigningKey::generate(Algorithm::Ed25519).unwrap();
        let psk = Psk::generate(root.public()).unwrap();
        let text = psk.to_text();
        assert_eq!(text.len(), 5 + 61);
        assert_eq!(text.parse(), Ok(psk.clone()));
        assert_eq!(
            format!("  {}\n", text.to_lowercase()).parse(),
            Ok(psk.clone())
        );
        assert!(!format!("{psk:?}").contains(&hex::encode(psk.secret.expose())));
        let mut noticed = 0;
        for at in 5..text.len() {
            let mut typo = text.as_bytes().to_vec();
            typo[at] = if typo[at] == b'A' { b'B' } else { b'A' };
            let typo = String::from_utf8(typo).unwrap();
            noticed += usize::from(typo.parse::<Psk>().is_err());
        }
        // One in 65,536 passes: of 61, two do once in two million times.
        assert!(noticed >= 60, "{noticed} of 61 typos are noticed");
        assert_eq!("gwp2.AAAA".parse::<Psk>(), Err(PskError::Prefix));
        assert_eq!(text[..60].parse::<Psk>(), Err(PskError::Form));
    }
}
