//! Devices and the computer objects they are linked to over time.

use crate::{
    DeviceFilter, DeviceLink, DeviceRecord, DeviceStatus, StoreError, Tx,
    tables::After,
    tx::Query,
    value::{Doc, Row, Value, Word, args},
};
use chrono::{DateTime, Utc};
use gw_model::{
    AgentId, CustomerId, DeviceFacts, DeviceId, DeviceTrust, DirectoryId, DirectoryObject, Guid,
    fold,
};
use gw_secdesc::Sid;

const SELECT: &str = "SELECT d.id, d.customer, d.name, d.directory, d.object, d.guid, d.sid, \
    d.serial, d.os, d.agent_version, d.agent, d.trust, d.last_seen, d.utc_offset_minutes, \
    d.incarnation, d.created_at FROM device d";

fn device(row: &Row) -> Result<DeviceRecord, StoreError> {
    let mut c = row.columns();
    Ok(DeviceRecord {
        id: c.take()?,
        customer: c.take()?,
        name: c.take()?,
        directory: c.take()?,
        object: c.take()?,
        guid: c.take()?,
        sid: c.take()?,
        serial: c.take()?,
        os: c.doc_if_any()?,
        agent_version: c.take()?,
        agent: c.take()?,
        trust: c.word_if_any()?,
        last_seen: c.take()?,
        utc_offset_minutes: c.take()?,
        incarnation: c.take()?,
        created_at: c.take()?,
    })
}

fn search_text(name: &str, dns: Option<&str>, serial: Option<&str>, sid: Option<&Sid>) -> String {
    let sid = sid.map(ToString::to_string).unwrap_or_default();
    fold(&format!(
        "{name} {} {} {sid}",
        dns.unwrap_or_default(),
        serial.unwrap_or_default()
    ))
}

/// A computer's name as people say it: the account name without its `$`.
fn plain_name(object: &DirectoryObject) -> &str {
    object
        .account_name
        .strip_suffix('$')
        .unwrap_or(&object.account_name)
}

impl Tx {
    /// Devices of a customer by name.
    pub async fn devices(
        &mut self,
        customer: CustomerId,
        filter: &DeviceFilter,
        after: Option<&After>,
        limit: i64,
    ) -> Result<Vec<DeviceRecord>, StoreError> {
        let mut query = Query::new(SELECT, vec![]);
        query.bind(" WHERE d.customer = ?", args![customer]);
        match filter.status {
            DeviceStatus::Any => {}
            DeviceStatus::NoAgent => {
                query.push(" AND d.trust IS NULL");
            }
            DeviceStatus::Pending => {
                query.push(" AND d.trust = 'pending'");
            }
            DeviceStatus::Trusted => {
                query.push(" AND d.trust = 'trusted'");
            }
            DeviceStatus::Conflict => {
                query.push(" AND d.trust = 'conflict'");
            }
            DeviceStatus::Revoked => {
                query.push(" AND d.trust = 'revoked'");
            }
        }
        query.bind_if(" AND d.directory = ?", filter.directory);
        query.contains(" AND d.search LIKE ? ESCAPE '\\'", filter.search.as_deref());
        if let Some(after) = after {
            query.bind(
                " AND (d.sort_key, d.id) > (?, ?)",
                args![&after.key, after.id],
            );
        }
        query.bind(" ORDER BY d.sort_key, d.id LIMIT ?", args![limit]);
        let (sql, args) = query.done();
        self.rows(sql, args).await?.iter().map(device).collect()
    }

    /// One device of a customer.
    pub async fn device(
        &mut self,
        customer: CustomerId,
        id: DeviceId,
    ) -> Result<Option<DeviceRecord>, StoreError> {
        let sql = format!("{SELECT} WHERE d.customer = $1 AND d.id = $2");
        self.row(sql, args![customer, id])
            .await?
            .as_ref()
            .map(device)
            .transpose()
    }

    /// The devices of a customer with this name (without `$`) or this serial number, in any case.
    pub async fn devices_named(
        &mut self,
        customer: CustomerId,
        text: &str,
    ) -> Result<Vec<DeviceRecord>, StoreError> {
        let sql = format!(
            "{SELECT} WHERE d.customer = $1 AND (d.sort_key = $2 OR d.serial_folded = $2) \
             ORDER BY d.sort_key, d.id LIMIT 3"
        );
        self.rows(sql, args![customer, fold(text.trim_end_matches('$'))])
            .await?
            .iter()
            .map(device)
            .collect()
    }

    /// The device that a computer object belongs to, now or earlier.
    pub async fn device_of_computer(
        &mut self,
        directory: DirectoryId,
        guid: Guid,
    ) -> Result<Option<DeviceRecord>, StoreError> {
        let sql = format!(
            "{SELECT} JOIN device_link l ON l.device = d.id WHERE l.directory = $1 AND l.guid = $2"
        );
        self.row(sql, args![directory, guid])
            .await?
            .as_ref()
            .map(device)
            .transpose()
    }

    /// The device whose current computer object has this SID.
    pub async fn device_by_sid(
        &mut self,
        customer: CustomerId,
        sid: &Sid,
    ) -> Result<Option<DeviceRecord>, StoreError> {
        let sql = format!(
            "{SELECT} JOIN device_link l ON l.device = d.id \
             WHERE d.customer = $1 AND l.sid = $2 AND l.until IS NULL LIMIT 1"
        );
        self.row(sql, args![customer, sid])
            .await?
            .as_ref()
            .map(device)
            .transpose()
    }

    /// How many devices a customer has of each status, in the order none, pending, trusted,
    /// conflict, revoked.
    pub async fn device_counts(&mut self, customer: CustomerId) -> Result<[i64; 5], StoreError> {
        let sql = "SELECT trust, COUNT(*) FROM device WHERE customer = $1 GROUP BY trust";
        let mut counts = [0; 5];
        for row in &self.rows(sql, args![customer]).await? {
            let mut c = row.columns();
            let (trust, n): (Option<DeviceTrust>, i64) = (c.word_if_any()?, c.take()?);
            let slot = match trust {
                None => 0,
                Some(DeviceTrust::Pending) => 1,
                Some(DeviceTrust::Trusted) => 2,
                Some(DeviceTrust::Conflict) => 3,
                Some(DeviceTrust::Revoked) => 4,
            };
            counts[slot] = n;
        }
        Ok(counts)
    }

    /// How many devices were heard of since `since`.
    pub async fn devices_seen_since(
        &mut self,
        customer: CustomerId,
        since: DateTime<Utc>,
    ) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) FROM device WHERE customer = $1 AND last_seen >= $2";
        self.number(sql, args![customer, since]).await
    }

    /// Gives an imported computer its device: the one it is linked to, or a new one with `id`.
    /// True if something was written.
    pub async fn ensure_device(
        &mut self,
        customer: CustomerId,
        id: DeviceId,
        computer: &DirectoryObject,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let name = plain_name(computer);
        if let Some(held) = self
            .device_of_computer(computer.directory, computer.guid)
            .await?
        {
            let current =
                held.directory == Some(computer.directory) && held.guid == Some(computer.guid);
            let same =
                held.object == Some(computer.id) && held.sid == computer.sid && held.name == name;
            if !current || same {
                return Ok(false);
            }
            self.exec(
                "UPDATE device SET name = $2, sort_key = $3, search = $4, object = $5, sid = $6 \
                 WHERE id = $1",
                args![
                    held.id,
                    name,
                    fold(name),
                    search_text(
                        name,
                        computer.dns_host_name.as_deref(),
                        held.serial.as_deref(),
                        computer.sid.as_ref()
                    ),
                    computer.id,
                    computer.sid.as_ref().map(ToString::to_string)
                ],
            )
            .await?;
            self.exec(
                "UPDATE device_link SET object = $3, sid = $4 WHERE directory = $1 AND guid = $2",
                args![
                    computer.directory,
                    computer.guid,
                    computer.id,
                    computer.sid.as_ref().map(ToString::to_string)
                ],
            )
            .await?;
            return Ok(true);
        }
        let values: Vec<Value> = args![
            id,
            customer,
            name,
            fold(name),
            search_text(
                name,
                computer.dns_host_name.as_deref(),
                None,
                computer.sid.as_ref()
            ),
            computer.directory,
            computer.id,
            computer.guid,
            computer.sid.as_ref().map(ToString::to_string),
            now,
        ];
        self.exec(
            "INSERT INTO device (id, customer, name, sort_key, search, directory, object, guid, \
             sid, incarnation, next_order, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, 1, $10)",
            values,
        )
        .await?;
        self.link(
            id,
            computer.directory,
            computer.guid,
            computer.sid.as_ref(),
            Some(computer.id),
            now,
        )
        .await?;
        Ok(true)
    }

    async fn link(
        &mut self,
        device: DeviceId,
        directory: DirectoryId,
        guid: Guid,
        sid: Option<&Sid>,
        object: Option<gw_model::ObjectId>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.exec(
            "INSERT INTO device_link (device, directory, guid, object, sid, since) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (directory, guid) DO UPDATE SET \
             device = excluded.device, sid = excluded.sid, \
             object = COALESCE(excluded.object, device_link.object), since = excluded.since, \
             until = NULL",
            args![
                device,
                directory,
                guid,
                object,
                sid.map(ToString::to_string),
                now
            ],
        )
        .await?;
        Ok(())
    }

    /// The computer objects of a device, oldest first.
    pub async fn device_links(&mut self, id: DeviceId) -> Result<Vec<DeviceLink>, StoreError> {
        let sql = "SELECT directory, guid, object, sid, since, until FROM device_link \
                   WHERE device = $1 ORDER BY since, directory, guid";
        let rows = self.rows(sql, args![id]).await?;
        rows.iter()
            .map(|row| {
                let mut c = row.columns();
                Ok(DeviceLink {
                    directory: c.take()?,
                    guid: c.take()?,
                    object: c.take()?,
                    sid: c.take()?,
                    since: c.take()?,
                    until: c.take()?,
                })
            })
            .collect()
    }

    /// Links a prepared target account to a device, so that a later import of it makes no second
    /// device. The device stays where it is.
    pub async fn link_prepared(
        &mut self,
        id: DeviceId,
        directory: DirectoryId,
        guid: Guid,
        sid: &Sid,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        // A row that was imported meanwhile and never had an agent gives way.
        if let Some(other) = self.device_of_computer(directory, guid).await?
            && other.id != id
            && other.agent.is_none()
        {
            self.exec("DELETE FROM device WHERE id = $1", args![other.id])
                .await?;
        }
        self.link(id, directory, guid, Some(sid), None, now).await
    }

    /// A device is in another directory now.
    pub async fn place_device(
        &mut self,
        id: DeviceId,
        directory: DirectoryId,
        guid: Guid,
        sid: &Sid,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.exec(
            "UPDATE device_link SET until = $2 WHERE device = $1 AND until IS NULL \
             AND NOT (directory = $3 AND guid = $4)",
            args![id, now, directory, guid],
        )
        .await?;
        self.link(id, directory, guid, Some(sid), None, now).await?;
        self.exec(
            "UPDATE device SET directory = $2, guid = $3, sid = $4, \
             object = (SELECT object FROM device_link WHERE directory = $2 AND guid = $3) \
             WHERE id = $1",
            args![id, directory, guid, sid],
        )
        .await?;
        Ok(())
    }

    /// Makes an agent the live one of its device, with what it told.
    pub async fn set_live_agent(
        &mut self,
        id: DeviceId,
        agent: AgentId,
        trust: DeviceTrust,
        facts: &DeviceFacts,
    ) -> Result<(), StoreError> {
        let sql = "SELECT name, sid FROM device WHERE id = $1";
        let Some(row) = self.row(sql, args![id]).await? else {
            return Ok(());
        };
        let mut c = row.columns();
        let (name, sid): (String, Option<Sid>) = (c.take()?, c.take()?);
        let dns = facts
            .domain
            .as_ref()
            .map(|domain| format!("{}.{domain}", facts.computer_name));
        self.exec(
            "UPDATE agent SET live = 0 WHERE device = $1 AND id <> $2",
            args![id, agent],
        )
        .await?;
        self.exec("UPDATE agent SET live = 1 WHERE id = $1", args![agent])
            .await?;
        self.exec(
            "UPDATE device SET agent = $2, trust = $3, serial = $4, serial_folded = $5, os = $6, \
             agent_version = $7, utc_offset_minutes = $8, search = $9 WHERE id = $1",
            args![
                id,
                agent,
                Word(trust),
                &facts.serial,
                fold(&facts.serial),
                Doc(&facts.os),
                &facts.agent_version,
                facts.utc_offset_minutes,
                search_text(&name, dns.as_deref(), Some(&facts.serial), sid.as_ref())
            ],
        )
        .await?;
        Ok(())
    }

    /// Records that a machine was set up afresh: what ran once may be asked for again.
    pub async fn raise_incarnation(&mut self, id: DeviceId) -> Result<(), StoreError> {
        let sql = "UPDATE device SET incarnation = incarnation + 1 WHERE id = $1";
        self.exec(sql, args![id]).await?;
        Ok(())
    }

    /// Draws the next order number of a device.
    pub async fn next_order_number(&mut self, id: DeviceId) -> Result<i64, StoreError> {
        self.number(
            "UPDATE device SET next_order = next_order + 1 WHERE id = $1 RETURNING next_order - 1",
            args![id],
        )
        .await
    }
}
