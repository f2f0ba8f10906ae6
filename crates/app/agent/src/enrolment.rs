//! Enrolment: first contact, claim, and what is kept of it.

use crate::{
    call::{CallError, Line},
    identity::{Enrolled, Hardware},
};
use gw_model::DeviceFacts;
use gw_wire::{
    enrol::{EnrolAnswer, EnrolCore, EnrolRequest},
    op,
    seal::RecipientKey,
    transcript::transcript_hash,
};

/// Enrols. On success the pre-shared key is gone from the device.
pub(crate) fn enrol(
    line: &mut Line<'_>,
    facts: &DeviceFacts,
) -> Result<(EnrolAnswer, RecipientKey), CallError> {
    let psk = line.identity.psk.clone().ok_or(CallError::NoPsk)?;
    let hello = line.hello()?;
    let recipient = RecipientKey::generate()?;
    let core = EnrolCore {
        v: gw_wire::PROTOCOL_VERSION,
        psk: psk.tag,
        nonce: hello.nonce,
        key: *line.identity.key.public(),
        recipient: recipient.public().into(),
        facts: facts.clone(),
    };
    let core = serde_json::to_vec(&core).unwrap_or_default();
    let transcript = transcript_hash(&hello.request, &hello.answer, &core);
    let request = EnrolRequest {
        mac: psk.mac_key()?.mac(&transcript).into(),
        core: core.into(),
        hello_request: hello.request.into(),
        hello_answer: hello.answer.into(),
    };
    let answer: EnrolAnswer = line.call(op::ENROL, &request)?;
    line.identity.enrolled = Some(Enrolled {
        customer: answer.customer,
        agent: answer.agent,
        device: answer.device,
    });
    line.identity.hardware = Some(Hardware::of(facts));
    line.identity.psk = None;
    line.identity.save(line.state)?;
    Ok((answer, recipient))
}
