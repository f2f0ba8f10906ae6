//! Enrolled agents and pre-shared keys.

use crate::{
    AgentRecord, PskRecord, StoreError, Tx,
    value::{Doc, Row, Value, Word, args},
};
use chrono::{DateTime, Utc};
use gw_model::{AgentId, CustomerId, DeviceFacts, DeviceId, DeviceTrust, PskId};

const AGENT: &str = "SELECT id, customer, device, trust, live, key_id, signing_key, hpke_key, psk, \
                     policy, facts, enrolled_at, decided_at, decided_by, last_seen FROM agent";
const PSK: &str = "SELECT id, customer, name, wire_id, sealed_secret, policy, created_at, \
                   expires_at, revoked_at, uses FROM psk";

fn agent(row: &Row) -> Result<AgentRecord, StoreError> {
    let mut c = row.columns();
    Ok(AgentRecord {
        id: c.take()?,
        customer: c.take()?,
        device: c.take()?,
        trust: c.word()?,
        live: c.take()?,
        key_id: c.take()?,
        signing_key: c.take()?,
        hpke_key: c.take()?,
        psk: c.take()?,
        policy: c.word()?,
        facts: c.doc()?,
        enrolled_at: c.take()?,
        decided_at: c.take()?,
        decided_by: c.take()?,
        last_seen: c.take()?,
    })
}

fn psk(row: &Row) -> Result<PskRecord, StoreError> {
    let mut c = row.columns();
    Ok(PskRecord {
        id: c.take()?,
        customer: c.take()?,
        name: c.take()?,
        wire_id: c.take()?,
        sealed_secret: c.take()?,
        policy: c.word()?,
        created_at: c.take()?,
        expires_at: c.take()?,
        revoked_at: c.take()?,
        uses: c.take()?,
    })
}

impl Tx {
    /// The agent whose signing key has this id.
    pub async fn agent_by_key(&mut self, key_id: &str) -> Result<Option<AgentRecord>, StoreError> {
        let row = self
            .row(format!("{AGENT} WHERE key_id = $1"), args![key_id])
            .await?;
        row.as_ref().map(agent).transpose()
    }

    /// One agent of a customer.
    pub async fn agent(
        &mut self,
        customer: CustomerId,
        id: AgentId,
    ) -> Result<Option<AgentRecord>, StoreError> {
        let sql = format!("{AGENT} WHERE customer = $1 AND id = $2");
        self.row(sql, args![customer, id])
            .await?
            .as_ref()
            .map(agent)
            .transpose()
    }

    /// Every agent that ever enrolled for a device, newest first.
    pub async fn agents_of(&mut self, device: DeviceId) -> Result<Vec<AgentRecord>, StoreError> {
        let sql = format!("{AGENT} WHERE device = $1 ORDER BY id DESC");
        self.rows(sql, args![device])
            .await?
            .iter()
            .map(agent)
            .collect()
    }

    /// Adds an agent; false if its key is known already.
    pub async fn add_agent(&mut self, new: &AgentRecord) -> Result<bool, StoreError> {
        let values: Vec<Value> = args![
            new.id,
            new.customer,
            new.device,
            Word(new.trust),
            new.live,
            &new.key_id,
            &new.signing_key,
            &new.hpke_key,
            new.psk,
            Word(new.policy),
            Doc(&new.facts),
            new.enrolled_at,
            new.decided_at,
            new.decided_by.clone(),
        ];
        let done = self
            .exec(
                "INSERT INTO agent (id, customer, device, trust, live, key_id, signing_key, \
                 hpke_key, psk, policy, facts, enrolled_at, decided_at, decided_by) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
                 ON CONFLICT DO NOTHING",
                values,
            )
            .await?;
        Ok(done == 1)
    }

    /// Sets how far an agent is trusted; the device follows if the agent is its live one.
    pub async fn set_agent_trust(
        &mut self,
        id: AgentId,
        trust: DeviceTrust,
        at: DateTime<Utc>,
        by: &str,
    ) -> Result<(), StoreError> {
        self.exec(
            "UPDATE agent SET trust = $2, decided_at = $3, decided_by = $4 WHERE id = $1",
            args![id, Word(trust), at, by],
        )
        .await?;
        self.exec(
            "UPDATE device SET trust = $2 WHERE agent = $1",
            args![id, Word(trust)],
        )
        .await?;
        Ok(())
    }

    /// Shows a device as contested, or as what its live agent is.
    pub async fn set_device_trust(
        &mut self,
        device: DeviceId,
        trust: DeviceTrust,
    ) -> Result<(), StoreError> {
        self.exec(
            "UPDATE device SET trust = $2 WHERE id = $1",
            args![device, Word(trust)],
        )
        .await?;
        Ok(())
    }

    /// Keeps what an agent said of itself when that changed.
    pub async fn set_agent_facts(
        &mut self,
        id: AgentId,
        facts: &DeviceFacts,
    ) -> Result<(), StoreError> {
        self.exec(
            "UPDATE agent SET facts = $2 WHERE id = $1",
            args![id, Doc(facts)],
        )
        .await?;
        self.exec(
            "UPDATE device SET serial = $2, serial_folded = $3, os = $4, agent_version = $5, \
             utc_offset_minutes = $6 WHERE agent = $1",
            args![
                id,
                &facts.serial,
                gw_model::fold(&facts.serial),
                Doc(&facts.os),
                &facts.agent_version,
                facts.utc_offset_minutes
            ],
        )
        .await?;
        Ok(())
    }

    /// Records when agents were last heard of, all in one go.
    pub async fn flush_seen(
        &mut self,
        seen: &[(AgentId, DateTime<Utc>)],
    ) -> Result<(), StoreError> {
        for (id, at) in seen {
            self.exec(
                "UPDATE agent SET last_seen = $2 WHERE id = $1",
                args![*id, *at],
            )
            .await?;
            self.exec(
                "UPDATE device SET last_seen = $2 WHERE agent = $1",
                args![*id, *at],
            )
            .await?;
        }
        Ok(())
    }

    /// A customer's pre-shared keys, newest first.
    pub async fn psks(&mut self, customer: CustomerId) -> Result<Vec<PskRecord>, StoreError> {
        let sql = format!("{PSK} WHERE customer = $1 ORDER BY id DESC");
        self.rows(sql, args![customer])
            .await?
            .iter()
            .map(psk)
            .collect()
    }

    /// One pre-shared key of a customer.
    pub async fn psk(
        &mut self,
        customer: CustomerId,
        id: PskId,
    ) -> Result<Option<PskRecord>, StoreError> {
        let sql = format!("{PSK} WHERE customer = $1 AND id = $2");
        self.row(sql, args![customer, id])
            .await?
            .as_ref()
            .map(psk)
            .transpose()
    }

    /// The pre-shared key that a message names.
    pub async fn psk_by_wire_id(&mut self, wire_id: &str) -> Result<Option<PskRecord>, StoreError> {
        let row = self
            .row(format!("{PSK} WHERE wire_id = $1"), args![wire_id])
            .await?;
        row.as_ref().map(psk).transpose()
    }

    /// Adds a pre-shared key; false if its id on the wire is taken (draw another).
    pub async fn add_psk(&mut self, new: &PskRecord) -> Result<bool, StoreError> {
        let done = self
            .exec(
                "INSERT INTO psk (id, customer, name, wire_id, sealed_secret, policy, created_at, \
                 expires_at, uses) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0) ON CONFLICT DO NOTHING",
                args![
                    new.id,
                    new.customer,
                    &new.name,
                    &new.wire_id,
                    new.sealed_secret.as_slice(),
                    Word(new.policy),
                    new.created_at,
                    new.expires_at
                ],
            )
            .await?;
        Ok(done == 1)
    }

    /// Revokes a pre-shared key; false if it was revoked before or is not there.
    pub async fn revoke_psk(
        &mut self,
        customer: CustomerId,
        id: PskId,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE psk SET revoked_at = $3 \
                   WHERE customer = $1 AND id = $2 AND revoked_at IS NULL";
        Ok(self.exec(sql, args![customer, id, at]).await? == 1)
    }

    /// Counts an agent that a pre-shared key admitted.
    pub async fn count_psk_use(&mut self, id: PskId) -> Result<(), StoreError> {
        self.exec("UPDATE psk SET uses = uses + 1 WHERE id = $1", args![id])
            .await?;
        Ok(())
    }
}
