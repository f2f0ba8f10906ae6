//! Sealing to one recipient: HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
//! ChaCha20-Poly1305, one message per encapsulation.

use crate::{
    bytes::Bytes,
    keys::{KeyError, sha256},
};
use gw_model::{CustomerId, DeviceId, OrderId};
use rustls::crypto::{
    aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_CHACHA20_POLY1305 as SUITE,
    hpke::{EncapsulatedSecret, Hpke as _, HpkePrivateKey, HpkePublicKey},
};
use serde::{Deserialize, Serialize};

/// What is sealed; part of HPKE's info, so that one kind is never taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// An order, to a device.
    Order,
    /// A stage package, to a device.
    Stage,
    /// A return ticket, to a device.
    Return,
    /// A secret for the administrator, to the escrow key.
    Escrow,
    /// The body of a request, to the escrow key.
    Private,
}

impl Purpose {
    /// The version string that begins HPKE's info and a signature's input.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::Order => "godwit order v1",
            Self::Stage => "godwit stage v1",
            Self::Return => "godwit return v1",
            Self::Escrow => "godwit escrow v1",
            Self::Private => "godwit private v1",
        }
    }
}

/// What a sealed message is bound to besides its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealContext {
    /// Which kind.
    pub purpose: Purpose,
    /// Whose.
    pub customer: CustomerId,
    /// On which device.
    pub device: DeviceId,
    /// Under which order; an escrowed secret may have none.
    pub order: Option<OrderId>,
}

impl SealContext {
    /// HPKE's info: version, customer, device and order, joined by `|`; `-` for no order.
    #[must_use]
    pub fn info(&self) -> String {
        let order = self
            .order
            .map_or_else(|| "-".to_owned(), |id| id.to_string());
        format!(
            "{}|{}|{}|{order}",
            self.purpose.version(),
            self.customer,
            self.device
        )
    }
}

/// Something sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The encapsulated key, 32 bytes.
    pub enc: Bytes,
    /// The ciphertext with its tag.
    pub ciphertext: Bytes,
}

impl Sealed {
    /// SHA-256 of enc ‖ ciphertext, which an envelope's signature covers.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        sha256(&[&*self.enc, &*self.ciphertext].concat())
    }
}

/// Sealing or opening failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The recipient's key is not an X25519 public key.
    #[error("the recipient's key is not an X25519 public key of 32 bytes")]
    Recipient,
    /// It was sealed to another key, for another purpose, customer, device or order, or changed.
    #[error("the sealed message does not open: it is for another recipient or was changed")]
    Open,
}

/// The private half of a recipient key. It is made for one request and dropped with its answer;
/// the escrow key is the one that is kept (by the server, sealed).
pub struct RecipientKey {
    private: HpkePrivateKey,
    public: Vec<u8>,
}

impl RecipientKey {
    /// A new key.
    ///
    /// # Errors
    /// No randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let (public, private) = SUITE.generate_key_pair().map_err(|_| KeyError::Random)?;
        Ok(Self {
            private,
            public: public.0,
        })
    }

    /// A key from its parts (each 32 bytes), for the server's escrow key and test vectors.
    ///
    /// # Errors
    /// A part has another length.
    pub fn from_parts(private: &[u8], public: &[u8]) -> Result<Self, KeyError> {
        if private.len() != 32 || public.len() != 32 {
            return Err(KeyError::PrivateKey);
        }
        Ok(Self {
            private: HpkePrivateKey::from(private.to_vec()),
            public: public.to_vec(),
        })
    }

    /// The public half: 32 bytes.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// The private half, for a sealed store.
    #[must_use]
    pub fn expose_private(&self) -> &[u8] {
        self.private.secret_bytes()
    }

    /// Opens what was sealed to it. `header` is the envelope's header, exactly as received.
    ///
    /// # Errors
    /// It does not open.
    pub fn open(
        &self,
        context: &SealContext,
        header: &[u8],
        sealed: &Sealed,
    ) -> Result<Vec<u8>, SealError> {
        self.open_raw(context.info().as_bytes(), &sha256(header), sealed)
    }

    /// Opens with given info and additional data.
    pub(crate) fn open_raw(
        &self,
        info: &[u8],
        aad: &[u8],
        sealed: &Sealed,
    ) -> Result<Vec<u8>, SealError> {
        if sealed.enc.len() != 32 || sealed.ciphertext.len() < 16 {
            return Err(SealError::Open);
        }
        SUITE
            .open(
                &EncapsulatedSecret(sealed.enc.to_vec()),
                info,
                aad,
                &sealed.ciphertext,
                &self.private,
            )
            .map_err(|_| SealError::Open)
    }
}

impl std::fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecipientKey({})", hex::encode(&self.public))
    }
}

/// Seals `plaintext` to `recipient` (32 bytes). `header` travels beside it in the clear and is
/// bound to it by its hash.
///
/// # Errors
/// The recipient's key is not one.
pub fn seal(
    recipient: &[u8],
    context: &SealContext,
    header: &[u8],
    plaintext: &[u8],
) -> Result<Sealed, SealError> {
    if recipient.len() != 32 {
        return Err(SealError::Recipient);
    }
    let (enc, ciphertext) = SUITE
        .seal(
            context.info().as_bytes(),
            &sha256(header),
            plaintext,
            &HpkePublicKey(recipient.to_vec()),
        )
        .map_err(|_| SealError::Recipient)?;
    Ok(Sealed {
        enc: enc.0.into(),
        ciphertext: ciphertext.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gw_model::{CustomerId, DeviceId};
    use uuid::Uuid;

    fn bytes(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    /// RFC 9180 appendix A.2.1, sequence number 0.
    #[test]
    fn opens_the_example_of_rfc_9180() {
        let key = RecipientKey::from_parts(
            &bytes("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb"),
            &bytes("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a"),
        );
        let enc = bytes("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a");
        let ciphertext = bytes(
            "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28",
        );
        let sealed = Sealed {
            enc: enc.into(),
            ciphertext: ciphertext.into(),
        };
        let plain = key
            .unwrap()
            .open_raw(b"Ode on a Grecian Urn", b"Count-0", &sealed);
        assert_eq!(plain.unwrap(), b"Beauty is truth, truth beauty");
    }

    #[test]
    fn opens_only_for_its_recipient_context_and_header() {
        let key = RecipientKey::generate().unwrap();
        let context = SealContext {
            purpose: Purpose::Stage,
            customer: CustomerId(Uuid::from_u128(1)),
            device: DeviceId(Uuid::from_u128(2)),
            order: Some(OrderId(Uuid::from_u128(3))),
        };
        let sealed = seal(key.public(), &context, b"header", b"secret").unwrap();
        assert_eq!(key.open(&context, b"header", &sealed).unwrap(), b"secret");
        assert!(key.open(&context, b"headef", &sealed).is_err());
        let stranger = RecipientKey::generate().unwrap();
        assert!(stranger.open(&context, b"header", &sealed).is_err());
        let others = [
            SealContext {
                purpose: Purpose::Return,
                ..context
            },
            SealContext {
                customer: CustomerId(Uuid::from_u128(9)),
                ..context
            },
            SealContext {
                device: DeviceId(Uuid::from_u128(9)),
                ..context
            },
            SealContext {
                order: None,
                ..context
            },
        ];
        for other in others {
            assert_eq!(
                key.open(&other, b"header", &sealed),
                Err(SealError::Open),
                "{other:?}"
            );
        }
        for at in 0..sealed.ciphertext.len() {
            let mut flipped = sealed.clone();
            flipped.ciphertext.0[at] ^= 1;
            assert!(key.open(&context, b"header", &flipped).is_err());
        }
        assert!(seal(&[1; 31], &context, b"", b"").is_err());
    }
}
