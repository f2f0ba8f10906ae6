//! Administrators, sessions, settings, marks of the first-run guide.

use crate::{
    AdminRecord, SessionRecord, StoreError, Tx,
    value::{Row, args},
};
use chrono::{DateTime, Utc};
use gw_model::{AdminId, CustomerId, fold};

fn admin(row: &Row) -> Result<AdminRecord, StoreError> {
    let mut c = row.columns();
    Ok(AdminRecord {
        id: c.take()?,
        name: c.take()?,
        password_hash: c.take()?,
        created_at: c.take()?,
    })
}

impl Tx {
    /// A setting of the server.
    pub async fn setting(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        let row = self
            .row("SELECT value FROM setting WHERE name = $1", args![name])
            .await?;
        row.map(|row| row.first()).transpose()
    }

    /// Stores a setting of the server.
    pub async fn set_setting(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        self.exec(
            "INSERT INTO setting (name, value) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            args![name, value],
        )
        .await?;
        Ok(())
    }

    /// Forgets a setting of the server.
    pub async fn clear_setting(&mut self, name: &str) -> Result<(), StoreError> {
        self.exec("DELETE FROM setting WHERE name = $1", args![name])
            .await?;
        Ok(())
    }

    /// All administrators by name.
    pub async fn admins(&mut self) -> Result<Vec<AdminRecord>, StoreError> {
        let sql = "SELECT id, name, password_hash, created_at FROM admin ORDER BY folded";
        self.rows(sql, vec![]).await?.iter().map(admin).collect()
    }

    /// How many administrators there are.
    pub async fn admin_count(&mut self) -> Result<i64, StoreError> {
        self.number("SELECT COUNT(*) FROM admin", vec![]).await
    }

    /// The administrator of this name, in any case.
    pub async fn admin_by_name(&mut self, name: &str) -> Result<Option<AdminRecord>, StoreError> {
        let sql = "SELECT id, name, password_hash, created_at FROM admin WHERE folded = $1";
        self.row(sql, args![fold(name)])
            .await?
            .as_ref()
            .map(admin)
            .transpose()
    }

    /// Adds an administrator; false if the name is taken.
    pub async fn add_admin(&mut self, new: &AdminRecord) -> Result<bool, StoreError> {
        let done = self
            .exec(
                "INSERT INTO admin (id, name, folded, password_hash, created_at) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                args![
                    new.id,
                    &new.name,
                    fold(&new.name),
                    &new.password_hash,
                    new.created_at
                ],
            )
            .await?;
        Ok(done == 1)
    }

    /// Sets an administrator's password and ends all of their sessions; false if there is none.
    pub async fn set_admin_password(
        &mut self,
        id: AdminId,
        hash: &str,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE admin SET password_hash = $2 WHERE id = $1";
        let done = self.exec(sql, args![id, hash]).await?;
        self.exec("DELETE FROM session WHERE admin = $1", args![id])
            .await?;
        Ok(done == 1)
    }

    /// Removes an administrator and their sessions; false if there is none.
    pub async fn remove_admin(&mut self, id: AdminId) -> Result<bool, StoreError> {
        Ok(self
            .exec("DELETE FROM admin WHERE id = $1", args![id])
            .await?
            == 1)
    }

    /// Opens a session and drops the expired ones.
    pub async fn add_session(
        &mut self,
        token_hash: &[u8],
        admin: AdminId,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.exec("DELETE FROM session WHERE expires_at <= $1", args![now])
            .await?;
        self.exec(
            "INSERT INTO session (token_hash, admin, created_at, expires_at) VALUES ($1, $2, $3, $4)",
            args![token_hash, admin, now, expires_at],
        )
        .await?;
        Ok(())
    }

    /// The session of this token, if it has not expired.
    pub async fn session(
        &mut self,
        token_hash: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let row = self
            .row(
                "SELECT s.admin, a.name, s.created_at, s.expires_at FROM session s \
                 JOIN admin a ON a.id = s.admin WHERE s.token_hash = $1 AND s.expires_at > $2",
                args![token_hash, now],
            )
            .await?;
        row.map(|row| {
            let mut c = row.columns();
            Ok(SessionRecord {
                admin: c.take()?,
                admin_name: c.take()?,
                created_at: c.take()?,
                expires_at: c.take()?,
            })
        })
        .transpose()
    }

    /// Ends a session.
    pub async fn remove_session(&mut self, token_hash: &[u8]) -> Result<(), StoreError> {
        self.exec(
            "DELETE FROM session WHERE token_hash = $1",
            args![token_hash],
        )
        .await?;
        Ok(())
    }

    /// The items of the guide that a person ticked, with when and by whom.
    pub async fn guide_marks(
        &mut self,
        customer: CustomerId,
    ) -> Result<Vec<(String, DateTime<Utc>, String)>, StoreError> {
        let sql = "SELECT item, at, actor FROM guide_mark WHERE customer = $1 ORDER BY item";
        let rows = self.rows(sql, args![customer]).await?;
        rows.iter()
            .map(|row| {
                let mut c = row.columns();
                Ok((c.take()?, c.take()?, c.take()?))
            })
            .collect()
    }

    /// Ticks or unticks an item of the guide.
    pub async fn set_guide_mark(
        &mut self,
        customer: CustomerId,
        item: &str,
        mark: Option<(DateTime<Utc>, &str)>,
    ) -> Result<(), StoreError> {
        match mark {
            Some((at, actor)) => {
                self.exec(
                    "INSERT INTO guide_mark (customer, item, at, actor) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (customer, item) DO UPDATE SET at = excluded.at, actor = excluded.actor",
                    args![customer, item, at, actor],
                )
                .await?
            }
            None => {
                let sql = "DELETE FROM guide_mark WHERE customer = $1 AND item = $2";
                self.exec(sql, args![customer, item]).await?
            }
        };
        Ok(())
    }
}
