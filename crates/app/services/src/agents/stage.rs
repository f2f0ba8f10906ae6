//! `stage`: the server prepares the target account with the runbook's join credential; the device
//! gets its own machine secret, the pairs it has seen, and the grade of its way back.

use super::{
    contact::{Contact, Failure, json},
    keyring::KeyRing,
    orders::{directory_facts, key_id},
};
use crate::{Actor, Internal, Services, Topic, directories::connection_of};
use gw_directory::{
    AccountError, ComputerName, ConnectionSettings, Force, OsClaim, PrepareRequest,
    PreparedAccount, ReusePolicy, Secret,
};
use gw_model::{DeviceTrust, DirectoryId, Guid, RunKind, RunState};
use gw_runbook::{AdJoin, DomainJoin, LeaveFrom, Runbook};
use gw_secdesc::Sid;
use gw_store::{
    AgentRecord, DirectoryRecord, Lane, MatchRecord, OrderRecord, OrderState, RunbookRecord,
    StoreError, Tx,
};
use gw_wire::{
    PROTOCOL_VERSION, codes,
    envelope::Envelope,
    op,
    pack::Encoding,
    seal::Purpose,
    secret::SecretBytes,
    stage::{
        MachineJoin, PackageHeader, ReturnGrade, SidPair, StageAnswer, StagePackage, StageRequest,
    },
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Distinct SIDs a device may ask for; a large file server has seen some thousands.
const SIDS: usize = 100_000;

/// Names drawn for a device before staging gives up: if half of what a pattern can draw is taken
/// already, one device in a thousand finds none.
const DRAWS: u32 = 10;

/// What was prepared for a run, kept until it has ended: asking again resets the same account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Prepared {
    pub(super) directory: DirectoryId,
    pub(super) guid: Guid,
    pub(super) sid: Sid,
    pub(super) name: String,
}

pub(super) fn prepared_setting(run: gw_model::RunId) -> String {
    format!("prepared {run}")
}

/// A run under way with everything that staging and the way back need.
pub(super) struct Underway {
    pub(super) order: OrderRecord,
    pub(super) runbook: RunbookRecord,
    pub(super) document: Runbook,
    pub(super) source: DirectoryRecord,
    pub(super) target: DirectoryRecord,
}

impl Services {
    pub(super) async fn stage(&self, contact: &Contact<'_>) -> Result<Vec<u8>, Failure> {
        let request: StageRequest =
            contact.read_private(op::STAGE, |body: &StageRequest| body.v)?;
        if request.recipient.len() != 32 || request.sids.len() > SIDS {
            return Err(codes::BODY_MALFORMED.into());
        }
        let agent = &contact.agent.record;
        match agent.trust {
            DeviceTrust::Trusted => {}
            DeviceTrust::Revoked => return Err(codes::REVOKED.into()),
            DeviceTrust::Pending | DeviceTrust::Conflict => return Err(codes::NOT_TRUSTED.into()),
        }
        let underway = self.underway(agent, request.order, request.run).await?;
        let rehearsal = underway.order.kind == RunKind::Rehearse;
        let (return_grade, return_because) = self.grade(agent, &underway).await?;
        let join = match &underway.document.device_state.join {
            DomainJoin::ActiveDirectory(join) if !rehearsal && !join.cache_user_credentials => {
                Some(
                    self.prepare(agent, &underway, join, &request.computer_name)
                        .await?,
                )
            }
            _ => None,
        };
        let package = StagePackage {
            pairs: self.pairs(&underway, &request.sids).await?,
            join,
            return_grade,
            return_because,
        };
        self.begin(agent, &underway.order).await?;
        let package = self.sealed(
            &contact.ring,
            agent,
            &underway.order,
            Purpose::Stage,
            &package,
            &request.recipient,
        )?;
        json(&StageAnswer {
            v: PROTOCOL_VERSION,
            package,
        })
    }

    /// The order and run that a request names, if they are this agent's and not over.
    pub(super) async fn underway(
        &self,
        agent: &AgentRecord,
        order: gw_model::OrderId,
        run: gw_model::RunId,
    ) -> Result<Underway, Failure> {
        let mut tx = self.store.read().await?;
        let order = tx.order(order).await?.ok_or(codes::ORDER_UNKNOWN)?;
        if order.agent != agent.id || order.run != run {
            return Err(codes::ORDER_UNKNOWN.into());
        }
        let record = tx
            .run(agent.customer, run)
            .await?
            .ok_or(codes::ORDER_UNKNOWN)?;
        let over = record.state == RunState::Cancelled
            || (record.state == RunState::Finished && order.kind != RunKind::Undo);
        if order.state == OrderState::Void || over {
            return Err(codes::ORDER_CLOSED.into());
        }
        let runbook = tx
            .runbook_version(agent.customer, order.runbook, order.runbook_version)
            .await?;
        let runbook = runbook.ok_or(codes::ORDER_CLOSED)?;
        let document =
            gw_runbook::read(&runbook.document).map_err(|error| Internal(Box::new(error)))?;
        let device = tx
            .device(agent.customer, agent.device)
            .await?
            .ok_or(codes::ORDER_CLOSED)?;
        let batch = match order.batch {
            Some(batch) => tx
                .batch(agent.customer, batch)
                .await?
                .map(|batch| batch.source),
            None => None,
        };
        // The directory that the device has left, or is about to leave.
        let source = batch
            .or(device
                .directory
                .filter(|held| document.general.sources.contains(held)))
            .or_else(|| document.general.sources.first().copied());
        let source = match source {
            Some(source) => tx.directory(agent.customer, source).await?,
            None => None,
        };
        let target = tx
            .directory(agent.customer, document.general.target)
            .await?;
        let (Some(source), Some(target)) = (source, target) else {
            return Err(codes::ORDER_CLOSED.into());
        };
        Ok(Underway {
            order,
            runbook,
            document,
            source,
            target,
        })
    }

    /// Creates or resets the target account. The credential stays here.
    async fn prepare(
        &self,
        agent: &AgentRecord,
        underway: &Underway,
        join: &AdJoin,
        computer_name: &str,
    ) -> Result<MachineJoin, Failure> {
        let run = underway.order.run;
        let held = self
            .store
            .read()
            .await?
            .setting(&prepared_setting(run))
            .await?;
        let held: Option<Prepared> = held.map(|text| serde_json::from_str(&text)).transpose()?;
        let (name, prepared) = self
            .take_account(agent, underway, join, computer_name, held)
            .await?;
        let kept = Prepared {
            directory: underway.target.id,
            guid: prepared.guid,
            sid: prepared.sid.clone(),
            name: name.clone(),
        };
        let detail = format!(
            "prepared account {} for {}",
            prepared.dn, agent.facts.computer_name
        );
        self.keep_prepared(agent, run, kept, detail).await?;
        let facts = self
            .facts_for_device(&underway.target, &prepared.dc_host)
            .await?;
        Ok(MachineJoin {
            directory: facts,
            computer_name: name,
            account: prepared.account_name,
            account_sid: Some(prepared.sid),
            kvno: prepared.key_version,
            secret: SecretBytes::new(prepared.password.expose().as_bytes().to_vec()),
        })
    }

    /// The account with its name: the one of an earlier call, or a new one. A name that is drawn
    /// is drawn again when it is somebody else's.
    async fn take_account(
        &self,
        agent: &AgentRecord,
        underway: &Underway,
        join: &AdJoin,
        computer_name: &str,
        held: Option<Prepared>,
    ) -> Result<(String, PreparedAccount), Failure> {
        let refused = |detail: String| Failure::Refused(codes::STAGE_REFUSED, Some(detail));
        let settings = self.join_settings(underway, join)?;
        let accounts = self
            .connectors
            .accounts(underway.target.kind)
            .ok_or_else(|| refused("directories of this kind cannot be joined yet".into()))?;
        let pattern = underway.document.device_state.rename.as_deref();
        let drawn = held.is_none() && pattern.is_some_and(gw_runbook::draws_names);
        let mut draws = if drawn { DRAWS } else { 1 };
        loop {
            draws -= 1;
            let name = match &held {
                Some(held) => held.name.clone(),
                None => self.target_name(agent, &underway.document, computer_name)?,
            };
            let request = PrepareRequest {
                name: ComputerName::new(&name).map_err(|error| refused(error.to_string()))?,
                ou: Some(join.organisational_unit.trim().to_owned()).filter(|ou| !ou.is_empty()),
                // An account that a drawn name hits by chance is another computer's.
                reuse: if join.reuse_existing_account && !drawn {
                    ReusePolicy::IfAllowed
                } else {
                    ReusePolicy::Never
                },
                resume: held.as_ref().map(|held| held.guid),
                os: Some(OsClaim {
                    name: agent.facts.os.edition.clone(),
                    version: Some(format!("10.0 ({})", agent.facts.os.build)),
                }),
                recent_days: 30,
                force: Force::No,
            };
            match accounts.prepare_account(&settings, &request).await {
                Ok(prepared) => return Ok((name, prepared)),
                Err(AccountError::Exists { .. } | AccountError::Occupied { .. }) if draws > 0 => {}
                Err(error) => {
                    self.stage_failed(agent, underway, &error.to_string())
                        .await?;
                    return Err(refused(error.to_string()));
                }
            }
        }
    }

    /// The device's name in the target: by the runbook's pattern, or as it is.
    fn target_name(
        &self,
        agent: &AgentRecord,
        document: &Runbook,
        computer_name: &str,
    ) -> Result<String, Failure> {
        let Some(pattern) = &document.device_state.rename else {
            return Ok(computer_name.to_owned());
        };
        gw_runbook::computer_name(pattern, &agent.facts.serial, || self.random::<1>()[0] % 36)
            .map_err(|error| Failure::Refused(codes::STAGE_REFUSED, Some(error.to_string())))
    }

    fn join_settings(
        &self,
        underway: &Underway,
        join: &AdJoin,
    ) -> Result<ConnectionSettings, Failure> {
        let connection = connection_of(&underway.target)?;
        let secrets = self.runbook_secrets(&underway.runbook)?;
        let Some(password) = secrets.join.clone() else {
            let detail =
                "the runbook has no password for its join account; enter it under Device State";
            return Err(Failure::Refused(codes::STAGE_REFUSED, Some(detail.into())));
        };
        Ok(connection.settings_as(&join.join_account, Secret::new(password)))
    }

    async fn keep_prepared(
        &self,
        agent: &AgentRecord,
        run: gw_model::RunId,
        kept: Prepared,
        detail: String,
    ) -> Result<(), Failure> {
        let actor = Actor {
            admin: None,
            name: "agent".into(),
            source: None,
        };
        let row = self.audit_row(
            &actor,
            Some(agent.customer),
            "account.prepare",
            agent.device,
            detail,
        );
        let (device, now, name) = (agent.device, self.now(), prepared_setting(run));
        let text = serde_json::to_string(&kept)?;
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.set_setting(&name, &text).await?;
                tx.link_prepared(device, kept.directory, kept.guid, &kept.sid, now)
                    .await?;
                tx.add_audit(&row).await
            })
            .await?;
        Ok(())
    }

    async fn stage_failed(
        &self,
        agent: &AgentRecord,
        underway: &Underway,
        why: &str,
    ) -> Result<(), Failure> {
        let actor = Actor {
            admin: None,
            name: "agent".into(),
            source: None,
        };
        let detail = format!(
            "the target account for {} could not be prepared: {why}",
            agent.facts.computer_name
        );
        let row = self.audit_row(
            &actor,
            Some(agent.customer),
            "account.refused",
            agent.device,
            detail,
        );
        let (customer, run, why) = (agent.customer, underway.order.run, why.to_owned());
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                if let Some(mut held) = tx.run(customer, run).await? {
                    held.reason = why.clone();
                    tx.update_run(&held).await?;
                }
                tx.add_audit(&row).await
            })
            .await?;
        Ok(())
    }

    /// The run has begun: its order is not withdrawn any more, its licence is used.
    async fn begin(&self, agent: &AgentRecord, order: &OrderRecord) -> Result<(), Failure> {
        let (customer, device, run, kind, id, now) = (
            agent.customer,
            agent.device,
            order.run,
            order.kind,
            order.id,
            self.now(),
        );
        let begun = self
            .store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.set_order_state(id, OrderState::Taken).await?;
                if kind == RunKind::Run {
                    tx.use_seats(device).await?;
                }
                let Some(mut held) = tx.run(customer, run).await? else {
                    return Ok::<_, StoreError>(None);
                };
                if held.state == RunState::Ordered {
                    held.state = RunState::Running;
                    held.started_at = Some(now);
                    tx.update_run(&held).await?;
                }
                Ok(Some(held))
            })
            .await?;
        if let Some(run) = begun {
            self.bus().publish(customer, Topic::Run, run.id, &run);
        }
        self.agents.forget_device(agent.id);
        Ok(())
    }

    /// Pairs for the SIDs that the device has seen, and no others.
    async fn pairs(&self, underway: &Underway, seen: &[Sid]) -> Result<Vec<SidPair>, Failure> {
        let (customer, target) = (underway.order.customer, underway.target.id);
        let sources = &underway.document.general.sources;
        let fits = |row: &MatchRecord| {
            row.target_directory == target && sources.contains(&row.source_directory)
        };
        let mut tx = self.store.read().await?;
        let mut domains: BTreeMap<DirectoryId, String> = BTreeMap::new();
        for id in sources.iter().chain([&target]) {
            if let Some(facts) = directory_facts(&mut tx, *id, None, &BTreeMap::new()).await? {
                domains.insert(*id, facts.netbios_name);
            }
        }
        let named = |directory: &DirectoryId, name: &str| {
            domains
                .get(directory)
                .map_or_else(|| name.to_owned(), |domain| format!("{domain}\\{name}"))
        };
        let mut pairs: BTreeMap<Sid, SidPair> = BTreeMap::new();
        let mut add = |sid: &Sid, row: &MatchRecord| {
            let Some(to) = &row.target_sid else { return };
            if to == sid {
                return;
            }
            pairs.entry(sid.clone()).or_insert_with(|| SidPair {
                source: sid.clone(),
                target: to.clone(),
                kind: row.kind,
                source_name: Some(named(&row.source_directory, &row.source_name)),
                target_name: row
                    .target_name
                    .as_deref()
                    .map(|name| named(&row.target_directory, name)),
            });
        };
        // Today's SIDs before earlier ones: a SID in somebody's history must not shadow its owner.
        for sid in seen {
            for row in tx
                .pair_by_sid(customer, sid)
                .await?
                .iter()
                .filter(|row| fits(row))
            {
                add(sid, row);
            }
        }
        let asked: BTreeSet<&Sid> = seen.iter().collect();
        for row in tx
            .pairs_with_history(customer)
            .await?
            .iter()
            .filter(|row| fits(row))
        {
            for sid in row
                .source_sid_history
                .iter()
                .filter(|sid| asked.contains(sid))
            {
                add(sid, row);
            }
        }
        Ok(pairs.into_values().collect())
    }

    /// How the device could come back, proven by reading, and why that grade.
    async fn grade(
        &self,
        agent: &AgentRecord,
        underway: &Underway,
    ) -> Result<(ReturnGrade, String), Failure> {
        if underway.document.device_state.leave == LeaveFrom::None {
            return Ok((
                ReturnGrade::Auto,
                "the device does not leave its directory".into(),
            ));
        }
        let Some(guid) = self.source_account(agent, underway).await? else {
            return Ok((
                ReturnGrade::Assisted,
                "the device's source account is not known here".into(),
            ));
        };
        let Some(accounts) = self.connectors.accounts(underway.source.kind) else {
            return Ok((
                ReturnGrade::Assisted,
                "directories of this kind cannot be reached yet".into(),
            ));
        };
        let settings = self.return_settings(underway)?;
        Ok(match accounts.may_reset(&settings, guid).await {
            Ok(proof) if proof.is_granted() => (
                ReturnGrade::Auto,
                format!(
                    "{} may reset the password of {}, as read on {}",
                    settings.bind.account, proof.dn, proof.dc_host
                ),
            ),
            Ok(proof) => (
                ReturnGrade::Assisted,
                format!(
                    "{} may not reset the password of {}; grant it, or supply the return ticket by hand",
                    settings.bind.account, proof.dn
                ),
            ),
            Err(error) => (ReturnGrade::Assisted, error.to_string()),
        })
    }

    /// The source directory, signed in as the return account, or as the one that reads it.
    pub(super) fn return_settings(
        &self,
        underway: &Underway,
    ) -> Result<ConnectionSettings, Failure> {
        let connection = connection_of(&underway.source)?;
        let account = underway
            .document
            .device_state
            .way_back
            .return_account
            .trim();
        let secrets = self.runbook_secrets(&underway.runbook)?;
        Ok(match &secrets.way_back {
            Some(password) if !account.is_empty() => {
                connection.settings_as(account, Secret::new(password.clone()))
            }
            _ => connection.settings(self.directory_password(&underway.source)?),
        })
    }

    /// The device's computer account in the source.
    pub(super) async fn source_account(
        &self,
        agent: &AgentRecord,
        underway: &Underway,
    ) -> Result<Option<Guid>, Failure> {
        let links = self.store.read().await?.device_links(agent.device).await?;
        Ok(links
            .iter()
            .rfind(|link| link.directory == underway.source.id)
            .map(|link| link.guid))
    }

    /// What the device is told of a directory, with addresses for a device that cannot resolve
    /// names yet.
    pub(super) async fn facts_for_device(
        &self,
        directory: &DirectoryRecord,
        dc_host: &str,
    ) -> Result<gw_wire::stage::DirectoryFacts, Failure> {
        let connection = connection_of(directory)?;
        let mut addresses = BTreeMap::new();
        let mut found: Vec<String> = Vec::new();
        if let Some(address) = connection.address
            && connection.host.eq_ignore_ascii_case(dc_host)
        {
            found.push(address.to_string());
        }
        // Best effort: without it the device asks its own resolver.
        if let Ok(resolved) = tokio::net::lookup_host((dc_host, 88)).await {
            found.extend(resolved.map(|address| address.ip().to_string()));
        }
        found.dedup();
        addresses.insert(dc_host.to_owned(), found);
        let mut tx = self.store.read().await?;
        let facts = directory_facts(&mut tx, directory.id, Some(dc_host), &addresses).await?;
        facts.ok_or_else(|| {
            let detail = format!(
                "directory {} was not imported yet; import it",
                directory.name
            );
            Failure::Refused(codes::STAGE_REFUSED, Some(detail))
        })
    }

    /// Seals a package to the key that the request brought along, and signs it.
    pub(super) fn sealed<T: Serialize>(
        &self,
        ring: &KeyRing,
        agent: &AgentRecord,
        order: &OrderRecord,
        purpose: Purpose,
        body: &T,
        recipient: &[u8],
    ) -> Result<Envelope, Failure> {
        let header = PackageHeader {
            v: PROTOCOL_VERSION,
            purpose,
            customer: agent.customer,
            device: agent.device,
            agent_key: key_id(&agent.key_id),
            order: order.id,
            run: order.run,
            issued_at: self.now(),
            encoding: Encoding::Zlib,
        };
        header
            .seal(body, recipient, &ring.signing)
            .map_err(|error| Failure::Internal(Internal(Box::new(error))))
    }
}
