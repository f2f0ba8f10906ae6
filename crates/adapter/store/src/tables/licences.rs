//! Licences, trusted issuers and counted devices.

use crate::{
    IssuerRecord, LicenceRecord, SeatRecord, StoreError, Tx,
    value::{Doc, Row, args},
};
use chrono::{DateTime, Utc};
use gw_model::{
    CustomerId, DeviceId, LicenceId, LicenceProduct, LicenceRefusal, LicenceUse, check_licence,
};

const LICENCE: &str = "SELECT l.body, l.customer, l.issuer, l.signed_text, l.applied_at, \
                       (SELECT COUNT(*) FROM licence_seat s WHERE s.licence = l.id) FROM licence l";

fn licence(row: &Row) -> Result<LicenceRecord, StoreError> {
    let mut c = row.columns();
    Ok(LicenceRecord {
        licence: c.doc()?,
        customer: c.take()?,
        issuer: c.take()?,
        text: c.take()?,
        applied_at: c.take()?,
        used: c.take()?,
    })
}

fn issuer(row: &Row) -> Result<IssuerRecord, StoreError> {
    let mut c = row.columns();
    Ok(IssuerRecord {
        key_id: c.take()?,
        name: c.take()?,
        public_key: c.take()?,
        trusted_at: c.take()?,
    })
}

/// A device that wants to be counted for a pair of domains.
#[derive(Debug, Clone)]
pub struct SeatClaim {
    /// Whose.
    pub customer: CustomerId,
    /// Which device.
    pub device: DeviceId,
    /// The source's domain.
    pub source: String,
    /// The target's domain.
    pub target: String,
    /// Now.
    pub now: DateTime<Utc>,
}

impl SeatClaim {
    fn source_key(&self) -> String {
        gw_model::fold(self.source.trim_end_matches('.'))
    }
    fn target_key(&self) -> String {
        gw_model::fold(self.target.trim_end_matches('.'))
    }
}

impl Tx {
    /// The issuers that are trusted, by name.
    pub async fn issuers(&mut self) -> Result<Vec<IssuerRecord>, StoreError> {
        let sql =
            "SELECT key_id, name, public_key, trusted_at FROM licence_issuer ORDER BY name, key_id";
        self.rows(sql, vec![]).await?.iter().map(issuer).collect()
    }

    /// Trusts an issuer; false if its key is trusted already.
    pub async fn add_issuer(&mut self, new: &IssuerRecord) -> Result<bool, StoreError> {
        let done = self
            .exec(
                "INSERT INTO licence_issuer (key_id, name, public_key, trusted_at) \
                 VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                args![&new.key_id, &new.name, &new.public_key, new.trusted_at],
            )
            .await?;
        Ok(done == 1)
    }

    /// Ends trust in an issuer; false if there was none. Licences applied before stay.
    pub async fn remove_issuer(&mut self, key_id: &str) -> Result<bool, StoreError> {
        Ok(self
            .exec(
                "DELETE FROM licence_issuer WHERE key_id = $1",
                args![key_id],
            )
            .await?
            == 1)
    }

    /// A customer's licences, oldest first.
    pub async fn licences(
        &mut self,
        customer: CustomerId,
    ) -> Result<Vec<LicenceRecord>, StoreError> {
        let sql = format!("{LICENCE} WHERE l.customer = $1 ORDER BY l.id");
        self.rows(sql, args![customer])
            .await?
            .iter()
            .map(licence)
            .collect()
    }

    /// Applies a licence; false if it is applied already, to this or another customer.
    pub async fn add_licence(&mut self, new: &LicenceRecord) -> Result<bool, StoreError> {
        let done = self
            .exec(
                "INSERT INTO licence (id, customer, issuer, body, signed_text, applied_at) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                args![
                    new.licence.id,
                    new.customer,
                    &new.issuer,
                    Doc(&new.licence),
                    &new.text,
                    new.applied_at
                ],
            )
            .await?;
        Ok(done == 1)
    }

    /// Removes a licence that no run has used; false if there is none or it was used.
    pub async fn remove_licence(
        &mut self,
        customer: CustomerId,
        id: LicenceId,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM licence WHERE customer = $1 AND id = $2 AND NOT EXISTS \
                   (SELECT 1 FROM licence_seat s WHERE s.licence = licence.id AND s.used = 1)";
        Ok(self.exec(sql, args![customer, id]).await? == 1)
    }

    /// The devices counted against a licence, by name.
    pub async fn licence_seats(
        &mut self,
        customer: CustomerId,
        id: LicenceId,
    ) -> Result<Vec<SeatRecord>, StoreError> {
        let sql = "SELECT s.licence, s.device, d.name, s.at, s.used FROM licence_seat s \
                   JOIN device d ON d.id = s.device \
                   WHERE d.customer = $1 AND s.licence = $2 ORDER BY d.sort_key, d.id";
        let rows = self.rows(sql, args![customer, id]).await?;
        rows.iter()
            .map(|row| {
                let mut c = row.columns();
                Ok(SeatRecord {
                    licence: c.take()?,
                    device: c.take()?,
                    name: c.take()?,
                    at: c.take()?,
                    used: c.take()?,
                })
            })
            .collect()
    }

    /// The licence that a device is counted against for a pair of domains, if it is.
    pub async fn seat(&mut self, claim: &SeatClaim) -> Result<Option<LicenceId>, StoreError> {
        let sql = "SELECT licence FROM licence_seat \
                   WHERE device = $1 AND source_domain = $2 AND target_domain = $3";
        let row = self
            .row(
                sql,
                args![claim.device, claim.source_key(), claim.target_key()],
            )
            .await?;
        row.map(|row| row.first()).transpose()
    }

    /// Whether a device that is not counted yet could be, and against which licence.
    pub async fn free_seat(
        &mut self,
        claim: &SeatClaim,
    ) -> Result<Result<LicenceId, LicenceRefusal>, StoreError> {
        let held = self.licences(claim.customer).await?;
        let uses: Vec<LicenceUse> = held
            .into_iter()
            .map(|record| LicenceUse {
                used: u32::try_from(record.used).unwrap_or(u32::MAX),
                licence: record.licence,
            })
            .collect();
        let product = LicenceProduct::MigrationAgent;
        Ok(check_licence(
            claim.now,
            product,
            &claim.source,
            &claim.target,
            &uses,
        ))
    }

    /// Counts a device for a pair of domains, once for ever, in the same transaction that checks
    /// the count: two servers never count past it.
    pub async fn claim_seat(
        &mut self,
        claim: &SeatClaim,
    ) -> Result<Result<LicenceId, LicenceRefusal>, StoreError> {
        if let Some(held) = self.seat(claim).await? {
            return Ok(Ok(held));
        }
        let found = self.free_seat(claim).await?;
        if let Ok(licence) = found {
            self.exec(
                "INSERT INTO licence_seat (device, source_domain, target_domain, licence, at, used) \
                 VALUES ($1, $2, $3, $4, $5, 0)",
                args![claim.device, claim.source_key(), claim.target_key(), licence, claim.now],
            )
            .await?;
        }
        Ok(found)
    }

    /// A run began: the device's seats are used for good.
    pub async fn use_seats(&mut self, device: DeviceId) -> Result<(), StoreError> {
        self.exec(
            "UPDATE licence_seat SET used = 1 WHERE device = $1 AND used = 0",
            args![device],
        )
        .await?;
        Ok(())
    }

    /// Gives back the seats of a device that has no open order and never began a run.
    pub async fn release_seats(&mut self, device: DeviceId) -> Result<(), StoreError> {
        self.exec(
            "DELETE FROM licence_seat WHERE device = $1 AND used = 0 AND NOT EXISTS \
             (SELECT 1 FROM run_order o WHERE o.device = $1 AND o.state <> 'void' AND o.kind = 'run')",
            args![device],
        )
        .await?;
        Ok(())
    }
}
