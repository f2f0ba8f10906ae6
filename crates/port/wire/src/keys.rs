//! Signing keys and their names. Ed25519 and ECDSA on P-256 (with SHA-256) are accepted from the
//! first version, because security chips of devices have no Ed25519.

use crate::bytes::{decode, encode};
use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
        Ed25519KeyPair, KeyPair as _, UnparsedPublicKey,
    },
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{borrow::Cow, fmt, str::FromStr};
use zeroize::Zeroizing;

/// What can be wrong with a key or a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not the SubjectPublicKeyInfo of an Ed25519 or P-256 key.
    #[error("the public key is neither Ed25519 nor P-256 in SubjectPublicKeyInfo form")]
    PublicKey,
    /// Not a PKCS #8 private key of these kinds.
    #[error("the private key is neither Ed25519 nor P-256 in PKCS #8 form")]
    PrivateKey,
    /// The signature does not hold.
    #[error("the signature does not hold")]
    Signature,
    /// Not 64 hexadecimal digits.
    #[error("a key id is 64 hexadecimal digits")]
    KeyId,
    /// The operating system gave no randomness, or the key store failed.
    #[error("the operating system gave no randomness")]
    Random,
}

/// SHA-256, the one hash of the protocol.
#[must_use]
pub fn sha256(data: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, data).as_ref());
    out
}

/// Fills `N` random bytes.
///
/// # Errors
/// The operating system gave none.
pub fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut out = [0; N];
    aws_lc_rs::rand::fill(&mut out).map_err(|_| KeyError::Random)?;
    Ok(out)
}

/// The name of a key: SHA-256 of its SubjectPublicKeyInfo; 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 32]);

impl KeyId {
    /// Its first 16 bytes: what a pre-shared key carries of the root.
    #[must_use]
    pub fn pin(&self) -> Pin {
        let mut pin = [0; 16];
        pin.copy_from_slice(&self.0[..16]);
        Pin(pin)
    }
}

/// The first 16 bytes of a root's key id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin(pub [u8; 16]);

macro_rules! hex_text {
    ($name:ident, $len:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $name {
            type Err = KeyError;
            fn from_str(text: &str) -> Result<Self, KeyError> {
                let mut out = [0; $len];
                hex::decode_to_slice(text, &mut out).map_err(|_| KeyError::KeyId)?;
                if hex::encode(out) != text {
                    return Err(KeyError::KeyId);
                }
                Ok(Self(out))
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Cow::<'de, str>::deserialize(d)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}
hex_text!(KeyId, 32);
hex_text!(Pin, 16);

/// A public key. JSON form: base64 of its SubjectPublicKeyInfo.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublicKey {
    /// Ed25519, 32 bytes.
    Ed25519([u8; 32]),
    /// ECDSA on P-256 with SHA-256; the uncompressed point, 65 bytes.
    P256([u8; 65]),
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// It is of another kind, or not exactly one.
    pub fn from_spki(spki: &[u8]) -> Result<Self, KeyError> {
        if let Some(raw) = spki.strip_prefix(ED25519_SPKI) {
            return raw
                .try_into()
                .map(Self::Ed25519)
                .map_err(|_| KeyError::PublicKey);
        }
        match spki.strip_prefix(P256_SPKI) {
            Some(raw) if raw.first() == Some(&4) => raw
                .try_into()
                .map(Self::P256)
                .map_err(|_| KeyError::PublicKey),
            _ => Err(KeyError::PublicKey),
        }
    }

    /// The SubjectPublicKeyInfo (DER).
    #[must_use]
    pub fn to_spki(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(raw) => [ED25519_SPKI, raw].concat(),
            Self::P256(raw) => [P256_SPKI, raw].concat(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(sha256(&self.to_spki()))
    }

    /// Checks a signature over exactly these bytes.
    ///
    /// # Errors
    /// It does not hold.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        match self {
            Self::Ed25519(raw) => UnparsedPublicKey::new(&ED25519, raw.as_slice())
                .verify(message, signature)
                .map_err(|_| KeyError::Signature),
            Self::P256(raw) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, raw.as_slice())
                .verify(message, signature)
                .map_err(|_| KeyError::Signature),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Ed25519(_) => "Ed25519",
            Self::P256(_) => "P256",
        };
        write!(f, "{kind}({})", self.id())
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&encode(&self.to_spki()))
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        let spki = decode(&text).ok_or_else(|| serde::de::Error::custom(KeyError::PublicKey))?;
        Self::from_spki(&spki).map_err(serde::de::Error::custom)
    }
}

/// The kinds of signing keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8032); the default.
    Ed25519,
    /// ECDSA on P-256 with SHA-256, signature r ‖ s (64 bytes).
    P256,
}

/// A private signing key: a root, a server's signing key, or an agent's key.
pub struct SigningKey {
    pair: Pair,
    pkcs8: Zeroizing<Vec<u8>>,
    public: PublicKey,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// No randomness.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let document = match algorithm {
            Algorithm::Ed25519 => Ed25519KeyPair::generate()
                .and_then(|pair| pair.to_pkcs8v1())
                .map_err(|_| KeyError::Random)?,
            Algorithm::P256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                    .map_err(|_| KeyError::Random)?
            }
        };
        Self::from_pkcs8(document.as_ref())
    }

    /// Reads a private key in PKCS #8 form.
    ///
    /// # Errors
    /// It is not one of the accepted kinds.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyError> {
        let (pair, public) = if let Ok(pair) = Ed25519KeyPair::from_pkcs8(pkcs8) {
            let raw = pair.public_key().as_ref().try_into();
            let public = PublicKey::Ed25519(raw.map_err(|_| KeyError::PrivateKey)?);
            (Pair::Ed25519(pair), public)
        } else {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
                .map_err(|_| KeyError::PrivateKey)?;
            let raw = pair.public_key().as_ref().try_into();
            let public = PublicKey::P256(raw.map_err(|_| KeyError::PrivateKey)?);
            (Pair::P256(pair), public)
        };
        Ok(Self {
            pair,
            pkcs8: Zeroizing::new(pkcs8.to_vec()),
            public,
        })
    }

    /// The Ed25519 key of a 32-byte seed (RFC 8032), for test vectors and hardware that keeps seeds.
    ///
    /// # Errors
    /// The seed has another length.
    pub fn from_ed25519_seed(seed: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::PrivateKey)?;
        let document = pair.to_pkcs8v1().map_err(|_| KeyError::PrivateKey)?;
        Self::from_pkcs8(document.as_ref())
    }

    /// The private key in PKCS #8 form, for a sealed store.
    #[must_use]
    pub fn to_pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The name of the public half.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.public.id()
    }

    /// Signs exactly these bytes.
    ///
    /// # Errors
    /// No randomness (P-256 only).
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.pair {
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::P256(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| KeyError::Random),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.public)
    }
}

/// The bytes before the key in an Ed25519 SubjectPublicKeyInfo (RFC 8410 section 4).
const ED25519_SPKI: &[u8] = &[
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// The bytes before the point in a P-256 SubjectPublicKeyInfo (RFC 5480 section 2).
const P256_SPKI: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
