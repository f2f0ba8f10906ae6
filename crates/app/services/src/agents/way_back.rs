//! `return`: a device that has left and does not reach the target gets a fresh machine secret of
//! its source account. The old one is never kept.

use super::contact::{Contact, Failure, json};
use crate::{Actor, Services};
use gw_model::{DeviceTrust, RunKind};
use gw_store::{Lane, OrderState, Tx};
use gw_wire::{
    PROTOCOL_VERSION, codes, op,
    seal::Purpose,
    secret::SecretBytes,
    stage::{MachineJoin, ReturnAnswer, ReturnRequest, ReturnTicket},
};

impl Services {
    pub(super) async fn way_back(&self, contact: &Contact<'_>) -> Result<Vec<u8>, Failure> {
        let request: ReturnRequest =
            contact.read_private(op::RETURN, |body: &ReturnRequest| body.v)?;
        if request.recipient.len() != 32 {
            return Err(codes::BODY_MALFORMED.into());
        }
        let agent = &contact.agent.record;
        // A revoked agent in the middle of a run may come back; one that waits for a person has
        // no run.
        if matches!(agent.trust, DeviceTrust::Pending | DeviceTrust::Conflict) {
            return Err(codes::NOT_TRUSTED.into());
        }
        let underway = self.underway(agent, request.order, request.run).await?;
        let began =
            underway.order.state == OrderState::Taken || underway.order.kind == RunKind::Undo;
        if !began || underway.order.kind == RunKind::Rehearse {
            return Err(codes::ORDER_UNKNOWN.into());
        }
        let unavailable =
            |detail: String| Failure::Refused(codes::RETURN_UNAVAILABLE, Some(detail));
        let guid = self
            .source_account(agent, &underway)
            .await?
            .ok_or_else(|| unavailable("the device's source account is not known here".into()))?;
        let accounts = self
            .connectors
            .accounts(underway.source.kind)
            .ok_or_else(|| unavailable("directories of this kind cannot be reached yet".into()))?;
        let settings = self.return_settings(&underway)?;
        let reset = accounts
            .reset_password(&settings, guid)
            .await
            .map_err(|error| unavailable(error.to_string()))?;
        let actor = Actor {
            admin: None,
            name: "agent".into(),
            source: Some(contact.call.source.clone()),
        };
        let because: String = request.because.chars().take(300).collect();
        let detail = format!(
            "reset the password of {} so that {} can come back: {because}",
            reset.dn, agent.facts.computer_name
        );
        let row = self.audit_row(
            &actor,
            Some(agent.customer),
            "account.return",
            agent.device,
            detail,
        );
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.add_audit(&row).await
            })
            .await?;
        let name = reset.account_name.trim_end_matches('$').to_owned();
        let ticket = ReturnTicket {
            join: MachineJoin {
                directory: self
                    .facts_for_device(&underway.source, &reset.dc_host)
                    .await?,
                computer_name: name,
                account: reset.account_name,
                account_sid: Some(reset.sid),
                kvno: reset.key_version,
                secret: SecretBytes::new(reset.password.expose().as_bytes().to_vec()),
            },
        };
        let ticket = self.sealed(
            &contact.ring,
            agent,
            &underway.order,
            Purpose::Return,
            &ticket,
            &request.recipient,
        )?;
        json(&ReturnAnswer {
            v: PROTOCOL_VERSION,
            ticket,
        })
    }
}
