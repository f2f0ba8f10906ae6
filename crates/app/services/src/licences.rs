//! Licences: one signed string, checked against issuers that this server trusts, counted per
//! device and pair of domains. A refusal says what to do.
//!
//! Form: `gwl1.` + base64url of the JSON + `.` + base64url of the issuer's Ed25519 signature over
//! `godwit licence v1\n` + JSON. Spaces and line ends do not matter.

use crate::{Actor, Internal, Services, customers::name_is_usable, error::refused};
use chrono::{DateTime, Utc};
use data_encoding::BASE64URL_NOPAD;
use gw_model::{
    CustomerId, DirectoryId, Licence, LicenceId, LicenceProduct, LicenceRefusal, LicenceUse,
    check_licence,
};
use gw_store::{IssuerRecord, Lane, LicenceRecord, SeatRecord, Tx};
use gw_wire::keys::{Algorithm, KeyError, PublicKey, SigningKey, sha256};
use serde::{Deserialize, Serialize};

const PREFIX: &str = "gwl1.";
const TAG: &[u8] = b"godwit licence v1\n";

/// A licence or an issuer was refused.
#[derive(Debug, thiserror::Error)]
pub enum LicenceError {
    /// Not a licence.
    #[error("this is not a licence string; copy all of it, from `gwl1.` to its end")]
    Form,
    /// Unknown issuer.
    #[error(
        "the licence was issued by {issuer}, which this server does not trust; add the issuer's public key under Settings"
    )]
    Issuer {
        /// Its key id.
        issuer: String,
    },
    /// Changed or damaged.
    #[error("the licence was changed or cut off: its signature does not hold; copy it again")]
    Signature,
    /// Over.
    #[error("the licence ended on {ended}; renew it")]
    Ended {
        /// When.
        ended: DateTime<Utc>,
    },
    /// There already.
    #[error("this licence was added already, here or for another customer")]
    Known,
    /// No such licence.
    #[error("there is no such licence")]
    NotFound,
    /// Runs were counted.
    #[error("devices ran under this licence; it stays as the record of them")]
    Used,
    /// The public key cannot be read.
    #[error(
        "an issuer has a name and a public key of 64 hexadecimal digits, as `godwit licence issuer-new` prints it"
    )]
    Key,
    /// The rule says no.
    #[error(transparent)]
    Refused(#[from] LicenceRefusal),
    /// Our fault.
    #[error(transparent)]
    Inner(#[from] Internal),
}

refused!(LicenceError {
    Self::Form => Invalid, "licence_unreadable", "licence";
    Self::Issuer { .. } => Invalid, "issuer_unknown", "licence";
    Self::Signature => Invalid, "signature_invalid", "licence";
    Self::Ended { .. } => Invalid, "licence_ended", "licence";
    Self::Known => Conflict, "licence_known", "licence";
    Self::NotFound => NotFound, "licence_not_found";
    Self::Used => Conflict, "licence_used";
    Self::Key => Invalid, "issuer_key_unreadable", "public_key";
    Self::Refused(_) => Conflict, "licence_refused";
});

/// What a string would mean if it were added.
#[derive(Debug)]
pub struct LicenceOpinion {
    /// What it says, if its signature holds.
    pub licence: Option<Licence>,
    /// The key id of its issuer.
    pub issuer: Option<String>,
    /// Why it would be refused.
    pub refusal: Option<LicenceError>,
}

/// The signed part.
#[derive(Serialize, Deserialize)]
pub(crate) struct Body {
    issuer: String,
    #[serde(flatten)]
    licence: Licence,
}

/// A new issuer: its secret (PKCS #8) and its public key (32 bytes), both in hexadecimal.
///
/// # Errors
/// The operating system gave no randomness.
pub fn new_issuer() -> Result<(zeroize::Zeroizing<String>, String), KeyError> {
    let key = SigningKey::generate(Algorithm::Ed25519)?;
    let PublicKey::Ed25519(public) = key.public() else {
        return Err(KeyError::PublicKey);
    };
    Ok((
        zeroize::Zeroizing::new(hex::encode(key.to_pkcs8())),
        hex::encode(public),
    ))
}

/// The licence string, signed by an issuer's secret.
///
/// # Errors
/// The secret is not one of [`new_issuer`].
pub fn issue_licence(secret: &str, licence: &Licence) -> Result<String, LicenceError> {
    let pkcs8 = zeroize::Zeroizing::new(hex::decode(secret.trim()).map_err(|_| LicenceError::Key)?);
    let key = SigningKey::from_pkcs8(&pkcs8).map_err(|_| LicenceError::Key)?;
    let PublicKey::Ed25519(public) = key.public() else {
        return Err(LicenceError::Key);
    };
    let body = serde_json::to_vec(&Body {
        issuer: issuer_id(public),
        licence: licence.clone(),
    })?;
    let signature = key
        .sign(&[TAG, &body].concat())
        .map_err(|_| LicenceError::Key)?;
    Ok(format!(
        "{PREFIX}{}.{}",
        BASE64URL_NOPAD.encode(&body),
        BASE64URL_NOPAD.encode(&signature)
    ))
}

/// What a licence string says and who claims to have issued it. Nothing is checked.
///
/// # Errors
/// It is not a licence string.
pub fn read_licence(text: &str) -> Result<(Licence, String), LicenceError> {
    let (body, _) = parts(text)?;
    let body: Body = serde_json::from_slice(&body).map_err(|_| LicenceError::Form)?;
    Ok((body.licence, body.issuer))
}

fn parts(text: &str) -> Result<(Vec<u8>, Vec<u8>), LicenceError> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let rest = plain.strip_prefix(PREFIX).ok_or(LicenceError::Form)?;
    let (body, signature) = rest.split_once('.').ok_or(LicenceError::Form)?;
    let decode = |part: &str| {
        BASE64URL_NOPAD
            .decode(part.as_bytes())
            .map_err(|_| LicenceError::Form)
    };
    Ok((decode(body)?, decode(signature)?))
}

fn issuer_id(public: &[u8; 32]) -> String {
    hex::encode(&sha256(public)[..8])
}

/// An issuer from its name and public key.
pub(crate) fn issuer_record(
    name: &str,
    public_key: &str,
    now: DateTime<Utc>,
) -> Result<IssuerRecord, LicenceError> {
    let mut public = [0; 32];
    hex::decode_to_slice(public_key.trim(), &mut public).map_err(|_| LicenceError::Key)?;
    if !name_is_usable(name) {
        return Err(LicenceError::Key);
    }
    Ok(IssuerRecord {
        key_id: issuer_id(&public),
        name: name.trim().to_owned(),
        public_key: hex::encode(public),
        trusted_at: now,
    })
}

/// Checks form, issuer, signature and date.
pub(crate) fn verify(
    text: &str,
    issuers: &[IssuerRecord],
    now: DateTime<Utc>,
) -> Result<Body, LicenceError> {
    let (bytes, signature) = parts(text)?;
    let body: Body = serde_json::from_slice(&bytes).map_err(|_| LicenceError::Form)?;
    let issuer = issuers
        .iter()
        .find(|held| held.key_id == body.issuer)
        .ok_or_else(|| LicenceError::Issuer {
            issuer: body.issuer.clone(),
        })?;
    let mut public = [0; 32];
    hex::decode_to_slice(&issuer.public_key, &mut public).map_err(|_| LicenceError::Key)?;
    PublicKey::Ed25519(public)
        .verify(&[TAG, &bytes].concat(), &signature)
        .map_err(|_| LicenceError::Signature)?;
    if body.licence.not_after <= now {
        return Err(LicenceError::Ended {
            ended: body.licence.not_after,
        });
    }
    Ok(body)
}

impl Services {
    /// The issuers whose licences are believed.
    ///
    /// # Errors
    /// The store failed.
    pub async fn issuers(&self) -> Result<Vec<IssuerRecord>, Internal> {
        Ok(self.store.read().await?.issuers().await?)
    }

    /// Believes an issuer's licences from now on.
    ///
    /// # Errors
    /// The key cannot be read.
    pub async fn trust_issuer(
        &self,
        actor: &Actor,
        name: &str,
        public_key: &str,
    ) -> Result<IssuerRecord, LicenceError> {
        let record = issuer_record(name, public_key, self.now())?;
        let row = self.audit_row(
            actor,
            None,
            "licence.trust_issuer",
            &record.key_id,
            format!("trusts licences of {}", record.name),
        );
        let new = record.clone();
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.add_issuer(&new).await?;
                tx.add_audit(&row).await
            })
            .await
            .map_err(Internal::from)?;
        Ok(record)
    }

    /// What a string would mean for this customer, without adding it.
    ///
    /// # Errors
    /// The store failed.
    pub async fn check_licence_text(
        &self,
        customer: CustomerId,
        text: &str,
    ) -> Result<LicenceOpinion, LicenceError> {
        let mut tx = self.store.read().await?;
        let issuers = tx.issuers().await?;
        match verify(text, &issuers, self.now()) {
            Ok(body) => {
                let held = tx.licences(customer).await?;
                let known = held.iter().any(|one| one.licence.id == body.licence.id);
                Ok(LicenceOpinion {
                    issuer: Some(body.issuer),
                    licence: Some(body.licence),
                    refusal: known.then_some(LicenceError::Known),
                })
            }
            Err(refusal) => {
                let ended = matches!(refusal, LicenceError::Ended { .. });
                let read = read_licence(text).ok();
                Ok(LicenceOpinion {
                    issuer: read.as_ref().map(|(_, issuer)| issuer.clone()),
                    // Only a date is no reason to doubt what it says.
                    licence: read.filter(|_| ended).map(|(licence, _)| licence),
                    refusal: Some(refusal),
                })
            }
        }
    }

    /// Adds a licence to a customer.
    ///
    /// # Errors
    /// It is refused; the error says why and what to do.
    pub async fn apply_licence(
        &self,
        actor: &Actor,
        customer: CustomerId,
        text: &str,
    ) -> Result<LicenceRecord, LicenceError> {
        let now = self.now();
        let issuers = self.issuers().await?;
        let body = verify(text, &issuers, now)?;
        let record = LicenceRecord {
            customer,
            issuer: body.issuer,
            text: text.chars().filter(|c| !c.is_whitespace()).collect(),
            applied_at: now,
            used: 0,
            licence: body.licence,
        };
        let licence = &record.licence;
        let detail = format!(
            "added a licence for {} devices from {} to {}",
            licence.devices, licence.source, licence.target
        );
        let row = self.audit_row(actor, Some(customer), "licence.add", licence.id, detail);
        let new = record.clone();
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                if !tx.add_licence(&new).await? {
                    return Err(LicenceError::Known);
                }
                tx.add_audit(&row).await?;
                Ok(())
            })
            .await?;
        self.agents.forget_devices();
        Ok(record)
    }

    /// A customer's licences, oldest first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn licences(&self, customer: CustomerId) -> Result<Vec<LicenceRecord>, Internal> {
        Ok(self.store.read().await?.licences(customer).await?)
    }

    /// Removes a licence under which nothing ran.
    ///
    /// # Errors
    /// There is none, or devices ran under it.
    pub async fn remove_licence(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: LicenceId,
    ) -> Result<(), LicenceError> {
        let row = self.audit_row(
            actor,
            Some(customer),
            "licence.remove",
            id,
            "removed a licence",
        );
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let held = tx.licences(customer).await?;
                if !held.iter().any(|one| one.licence.id == id) {
                    return Err(LicenceError::NotFound);
                }
                // Orders that lean on it and have not begun lose it.
                for seat in tx.licence_seats(customer, id).await? {
                    if !seat.used {
                        for order in tx.live_orders(seat.device).await? {
                            crate::agents::withdraw(tx, &order, "its licence was removed").await?;
                        }
                    }
                }
                if !tx.remove_licence(customer, id).await? {
                    return Err(LicenceError::Used);
                }
                tx.add_audit(&row).await?;
                Ok::<(), LicenceError>(())
            })
            .await?;
        self.agents.forget_devices();
        Ok(())
    }

    /// The devices counted against a licence.
    ///
    /// # Errors
    /// The store failed.
    pub async fn licence_seats(
        &self,
        customer: CustomerId,
        id: LicenceId,
    ) -> Result<Vec<SeatRecord>, Internal> {
        Ok(self.store.read().await?.licence_seats(customer, id).await?)
    }

    /// Whether another device could run from one directory to another, or why not.
    ///
    /// # Errors
    /// No such directory, or the rule's own refusal.
    pub async fn licence_for(
        &self,
        customer: CustomerId,
        source: DirectoryId,
        target: DirectoryId,
    ) -> Result<LicenceId, LicenceError> {
        let mut tx = self.store.read().await?;
        let source = tx
            .directory(customer, source)
            .await?
            .ok_or(LicenceError::NotFound)?;
        let target = tx
            .directory(customer, target)
            .await?
            .ok_or(LicenceError::NotFound)?;
        let uses: Vec<LicenceUse> = tx
            .licences(customer)
            .await?
            .into_iter()
            .map(|held| LicenceUse {
                used: u32::try_from(held.used).unwrap_or(u32::MAX),
                licence: held.licence,
            })
            .collect();
        Ok(check_licence(
            self.now(),
            LicenceProduct::MigrationAgent,
            &source.domain,
            &target.domain,
            &uses,
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_is_believed_only_as_it_was_issued() {
        let (secret, public) = new_issuer().unwrap();
        let now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
        let issuers = [issuer_record("Lab", &public, now).unwrap()];
        let licence = Licence {
            id: LicenceId(uuid::Uuid::from_u128(7)),
            product: LicenceProduct::MigrationAgent,
            licensee: "Lab".into(),
            source: "source.test".into(),
            target: "target.test".into(),
            devices: 100,
            trial: true,
            not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
            not_after: "2027-01-01T00:00:00Z".parse().unwrap(),
        };
        let text = issue_licence(&secret, &licence).unwrap();
        let folded = format!(" {}\r\n{} ", &text[..40], &text[40..]);
        assert_eq!(verify(&folded, &issuers, now).unwrap().licence, licence);
        assert!(matches!(
            verify(&text, &[], now),
            Err(LicenceError::Issuer { .. })
        ));
        assert!(matches!(
            verify("hello", &issuers, now),
            Err(LicenceError::Form)
        ));
        let mut more = licence.clone();
        more.devices = 1_000;
        let (other, _) = new_issuer().unwrap();
        let forged = issue_licence(&other, &more).unwrap();
        assert!(matches!(
            verify(&forged, &issuers, now),
            Err(LicenceError::Issuer { .. })
        ));
        let (_, signature) = text.rsplit_once('.').unwrap();
        let body = serde_json::to_vec(&Body {
            issuer: issuers[0].key_id.clone(),
            licence: more,
        })
        .unwrap();
        let swapped = format!("{PREFIX}{}.{signature}", BASE64URL_NOPAD.encode(&body));
        assert!(matches!(
            verify(&swapped, &issuers, now),
            Err(LicenceError::Signature)
        ));
        let late = "2027-01-01T00:00:00Z".parse().unwrap();
        assert!(matches!(
            verify(&text, &issuers, late),
            Err(LicenceError::Ended { .. })
        ));
    }
}
