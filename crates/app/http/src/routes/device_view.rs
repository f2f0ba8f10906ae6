//! Devices as they are shown.

use gw_admin_api::devices::{
    Agent, Device, DeviceBatch, DeviceComputer, DeviceFacts, DeviceSummary, Eligibility,
    EligibilityDecision, TrustState,
};
use gw_admin_api::fallback::FallbackAdministrator;
use gw_model::DeviceTrust;
use gw_runbook::Decision;
use gw_services::DeviceDetail;
use gw_store::{AgentRecord, DeviceLink, DeviceRecord, Membership};

use super::{psks, runs};

pub(super) fn summary(record: DeviceRecord) -> DeviceSummary {
    DeviceSummary {
        id: record.id,
        name: record.name,
        directory_id: record.directory,
        trust: trust(record.trust),
        serial: record.serial,
        os: record.os.map(|os| os.edition),
        agent_version: record.agent_version,
        last_seen_at: record.last_seen,
    }
}

fn trust(trust: Option<DeviceTrust>) -> TrustState {
    match trust {
        None => TrustState::NoAgent,
        Some(DeviceTrust::Pending) => TrustState::Pending,
        Some(DeviceTrust::Trusted) => TrustState::Trusted,
        Some(DeviceTrust::Conflict) => TrustState::Conflict,
        Some(DeviceTrust::Revoked) => TrustState::Revoked,
    }
}

pub(super) fn device(detail: DeviceDetail) -> Device {
    let incarnation = detail.device.incarnation;
    Device {
        summary: summary(detail.device),
        computers: detail.links.into_iter().map(computer).collect(),
        agents: detail.agents.into_iter().map(agent).collect(),
        batch: detail.membership.map(batch),
        eligibility: detail.eligibility.into_iter().map(eligibility).collect(),
        runs: detail.runs.into_iter().map(runs::summary).collect(),
        incarnation,
        fallback_administrators: detail.fallbacks.into_iter().map(fallback).collect(),
    }
}

fn fallback(held: gw_services::FallbackAdministrator) -> FallbackAdministrator {
    FallbackAdministrator {
        run_id: held.run,
        account: held.account,
        escrowed_at: held.escrowed_at,
    }
}

pub(super) fn batch(held: Membership) -> DeviceBatch {
    DeviceBatch {
        id: held.batch,
        name: held.name,
        listed: held.explicit,
    }
}

fn computer(link: DeviceLink) -> DeviceComputer {
    DeviceComputer {
        directory_id: link.directory,
        guid: link.guid.to_string(),
        object_id: link.object,
        sid: link.sid.map(|sid| sid.to_string()),
        since: link.since,
        until: link.until,
    }
}

fn agent(record: AgentRecord) -> Agent {
    let facts = record.facts;
    Agent {
        id: record.id,
        trust: trust(Some(record.trust)),
        holds_device: record.live,
        key_id: record.key_id,
        policy: psks::policy(record.policy),
        facts: DeviceFacts {
            computer_name: facts.computer_name,
            domain: facts.domain,
            machine_sid: facts.machine_sid.map(|sid| sid.to_string()),
            os: facts.os.edition,
            os_build: facts.os.build,
            is_server: facts.os.is_server,
            serial: facts.serial,
            smbios_uuid: facts.smbios_uuid.map(|id| id.to_string()),
            disk_serial: facts.disk_serial,
            utc_offset_minutes: facts.utc_offset_minutes,
            agent_version: facts.agent_version,
        },
        enrolled_at: record.enrolled_at,
        decided_at: record.decided_at,
        decided_by: record.decided_by,
        last_seen_at: record.last_seen,
    }
}

fn eligibility(one: gw_services::Eligibility) -> Eligibility {
    // The reason's code is the tag under which the document stores it.
    let stored = serde_json::to_value(&one.decision).unwrap_or_default();
    Eligibility {
        runbook_id: one.runbook,
        runbook_name: one.name,
        decision: match one.decision {
            Decision::Run(_) => EligibilityDecision::Run,
            Decision::Prompt(_) => EligibilityDecision::Prompt,
            Decision::Wait(_) => EligibilityDecision::Wait,
            Decision::Refuse(_) => EligibilityDecision::Refuse,
        },
        code: stored["because"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        because: one.decision.because(),
    }
}
