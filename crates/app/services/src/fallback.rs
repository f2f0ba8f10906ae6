//! Fallback administrators: local accounts whose passwords devices escrow before they change. The
//! sealed form is kept as it came; a person who needs a password says why, and the trail keeps it.

use crate::{Actor, Internal, Services, error::refused};
use chrono::{DateTime, Utc};
use gw_model::{CustomerId, DeviceId, RunId};
use gw_store::{CustomerKey, EscrowRecord, KeyPurpose, Lane, StoreError, Tx};
use gw_wire::envelope::{EscrowHeader, EscrowKind, Escrowed};
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// A local administrator of a device, without its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FallbackAdministrator {
    /// The run that made it.
    pub run: RunId,
    /// The account's name.
    pub account: String,
    /// When its password was escrowed.
    pub escrowed_at: DateTime<Utc>,
}

/// A password for a person's eyes. It cannot be printed.
pub struct RevealedPassword {
    /// The account's name.
    pub account: String,
    /// Its password.
    pub password: Zeroizing<String>,
}

impl std::fmt::Debug for RevealedPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RevealedPassword({})", self.account)
    }
}

/// A password was not shown.
#[derive(Debug, thiserror::Error)]
pub enum FallbackError {
    /// No such device.
    #[error("there is no such device")]
    NotFound,
    /// Nothing escrowed.
    #[error("the device escrowed no password in this run; look at its other runs")]
    NothingEscrowed,
    /// No reason.
    #[error("say why the password is needed, in 1 to 500 characters; the audit trail keeps it")]
    Reason,
    /// It does not open.
    #[error(
        "the password does not open with this customer's keys; restore the backup that the database belongs to"
    )]
    Unreadable,
    /// Our fault.
    #[error(transparent)]
    Inner(#[from] Internal),
}

refused!(FallbackError {
    Self::NotFound => NotFound, "device_not_found";
    Self::NothingEscrowed => NotFound, "nothing_escrowed";
    Self::Reason => Invalid, "reason_missing", "reason";
    Self::Unreadable => Conflict, "escrow_unreadable";
});

/// The longest reason, in characters.
const REASON: usize = 500;

impl Services {
    /// Shows the password of the fallback administrator that a run made on a device. The trail has
    /// who asked and why before the password leaves.
    ///
    /// # Errors
    /// There is none, no reason is given, or it does not open.
    pub async fn reveal_fallback(
        &self,
        actor: &Actor,
        customer: CustomerId,
        device: DeviceId,
        run: RunId,
        reason: &str,
    ) -> Result<RevealedPassword, FallbackError> {
        let reason = reason.trim();
        if reason.is_empty() || reason.chars().count() > REASON {
            return Err(FallbackError::Reason);
        }
        let mut tx = self.store.read().await?;
        let name = tx
            .device(customer, device)
            .await?
            .ok_or(FallbackError::NotFound)?
            .name;
        let held = tx.escrowed(customer, device).await?;
        let keys = tx.customer_keys(customer).await?;
        drop(tx);
        let escrowed = held
            .iter()
            .find(|record| header(record).is_some_and(|header| header.run == Some(run)))
            .ok_or(FallbackError::NothingEscrowed)?;
        let escrowed: Escrowed = serde_json::from_str(&escrowed.sealed)?;
        let (header, password) = self.open_escrowed(&keys, &escrowed)?;
        if (header.customer, header.device) != (customer, device) {
            return Err(FallbackError::Unreadable);
        }
        let row = self.audit_row(
            actor,
            Some(customer),
            "device.reveal_fallback_administrator",
            device,
            format!(
                "saw the password of {} on {name}, made by {run}, because: {reason}",
                header.label
            ),
        );
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.add_audit(&row).await?;
                Ok::<(), StoreError>(())
            })
            .await?;
        Ok(RevealedPassword {
            account: header.label,
            password,
        })
    }

    fn open_escrowed(
        &self,
        keys: &[CustomerKey],
        escrowed: &Escrowed,
    ) -> Result<(EscrowHeader, Zeroizing<String>), FallbackError> {
        let own = keys
            .iter()
            .rev()
            .filter(|key| key.purpose == KeyPurpose::Escrow);
        for key in own {
            if let Ok((header, secret)) = escrowed.open(&self.open_escrow(key)?) {
                let secret = Zeroizing::new(secret);
                let text = std::str::from_utf8(&secret).map_err(|_| FallbackError::Unreadable)?;
                return Ok((header, Zeroizing::new(text.to_owned())));
            }
        }
        Err(FallbackError::Unreadable)
    }
}

/// The fallback administrators of a device, newest first: one per run.
pub(crate) async fn of_device(
    tx: &mut Tx,
    customer: CustomerId,
    device: DeviceId,
) -> Result<Vec<FallbackAdministrator>, StoreError> {
    let mut runs = BTreeSet::new();
    Ok(tx
        .escrowed(customer, device)
        .await?
        .iter()
        .filter_map(|record| {
            let header = header(record)?;
            let run = header.run?;
            runs.insert(run).then_some(FallbackAdministrator {
                run,
                account: header.label,
                escrowed_at: record.at,
            })
        })
        .collect())
}

/// The header of an escrowed password; what was sealed with it was checked when it came.
fn header(record: &EscrowRecord) -> Option<EscrowHeader> {
    let escrowed: Escrowed = serde_json::from_str(&record.sealed).ok()?;
    let header: EscrowHeader = serde_json::from_slice(&escrowed.header).ok()?;
    (header.kind == EscrowKind::FallbackPassword).then_some(header)
}
