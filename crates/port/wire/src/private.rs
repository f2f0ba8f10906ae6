//! Requests that say what is on a device: sealed to the customer's escrow key, so that a proxy that
//! ends TLS learns neither the people on it nor which account becomes which.
//!
//! A body is sealed when it is sent, never when it is queued: reports that waited go to the key that
//! is in force then.

use crate::{
    bytes::Bytes,
    keyset::to_json,
    op,
    pack::{PackError, Packed},
    seal::{Purpose, RecipientKey, SealContext, SealError, Sealed, seal},
};
use gw_model::{CustomerId, DeviceId};
use serde::{Deserialize, Serialize};

/// The operations whose requests travel as a [`PrivateBody`].
pub const OPERATIONS: [&str; 3] = [op::STAGE, op::RETURN, op::REPORT];

/// The longest body after unpacking, in bytes.
pub const MAX_BYTES: usize = 32 << 20;

/// The body of a request, sealed to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateBody {
    /// Version of the protocol: 1.
    pub v: u32,
    /// The packed request, sealed with the operation as its header.
    pub private: Sealed,
}

/// A private body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrivateError {
    /// It does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// It cannot be unpacked.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// What was sealed is not packed bytes.
    #[error("what was sealed is not a packed request")]
    Form,
}

fn context(customer: CustomerId, device: DeviceId) -> SealContext {
    SealContext {
        purpose: Purpose::Private,
        customer,
        device,
        order: None,
    }
}

impl PrivateBody {
    /// Packs and seals a request for `operation` to the escrow key (32 bytes).
    ///
    /// # Errors
    /// The escrow key is not one.
    pub fn seal(
        operation: &str,
        request: &[u8],
        escrow_key: &Bytes,
        customer: CustomerId,
        device: DeviceId,
    ) -> Result<Self, SealError> {
        let packed = to_json(&Packed::new(request));
        let context = context(customer, device);
        Ok(Self {
            v: crate::PROTOCOL_VERSION,
            private: seal(escrow_key, &context, operation.as_bytes(), &packed)?,
        })
    }

    /// The request that was sealed for `operation`, opened with one of the customer's escrow keys:
    /// an agent that has been away may still know an earlier one.
    ///
    /// # Errors
    /// It does not open, is damaged, or unfolds to more than [`MAX_BYTES`].
    pub fn open(
        &self,
        operation: &str,
        escrow: &[RecipientKey],
        customer: CustomerId,
        device: DeviceId,
    ) -> Result<Vec<u8>, PrivateError> {
        let context = context(customer, device);
        let packed = escrow
            .iter()
            .rev()
            .find_map(|key| key.open(&context, operation.as_bytes(), &self.private).ok())
            .ok_or(SealError::Open)?;
        let packed: Packed = serde_json::from_slice(&packed).map_err(|_| PrivateError::Form)?;
        Ok(packed.unpack(MAX_BYTES)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const CUSTOMER: CustomerId = CustomerId(Uuid::from_u128(1));
    const DEVICE: DeviceId = DeviceId(Uuid::from_u128(2));

    fn sealed(key: &RecipientKey, request: &[u8]) -> PrivateBody {
        PrivateBody::seal(op::STAGE, request, &key.public().into(), CUSTOMER, DEVICE).unwrap()
    }

    #[test]
    fn opens_for_its_operation_customer_device_and_key_only() {
        let (old, new) = (
            RecipientKey::generate().unwrap(),
            RecipientKey::generate().unwrap(),
        );
        let request = b"{\"v\":1,\"sids\":[\"S-1-5-21-1-2-3-1104\"]}";
        let body = sealed(&old, request);
        let text = String::from_utf8(to_json(&body)).unwrap();
        assert!(!text.contains("S-1-5"), "{text}");
        let keys = [old, new];
        let open =
            |body: &PrivateBody, op, customer, device| body.open(op, &keys, customer, device);
        assert_eq!(open(&body, op::STAGE, CUSTOMER, DEVICE).unwrap(), request);
        let closed = Err(PrivateError::Seal(SealError::Open));
        assert_eq!(open(&body, op::REPORT, CUSTOMER, DEVICE), closed);
        let other = Uuid::from_u128(9);
        assert_eq!(open(&body, op::STAGE, other.into(), DEVICE), closed);
        assert_eq!(open(&body, op::STAGE, CUSTOMER, other.into()), closed);
        assert_eq!(body.open(op::STAGE, &keys[1..], CUSTOMER, DEVICE), closed);
        let mut flipped = body;
        flipped.private.ciphertext.0[0] ^= 1;
        assert_eq!(open(&flipped, op::STAGE, CUSTOMER, DEVICE), closed);
    }

    #[test]
    fn a_bomb_is_not_unfolded() {
        let key = RecipientKey::generate().unwrap();
        let body = sealed(&key, &vec![b' '; MAX_BYTES + 1]);
        assert!(body.private.ciphertext.len() < 1 << 20);
        assert_eq!(
            body.open(op::STAGE, &[key], CUSTOMER, DEVICE),
            Err(PrivateError::Pack(PackError::TooLarge(MAX_BYTES)))
        );
    }
}
