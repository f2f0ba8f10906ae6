//! `stage` and `return`: what a run needs on the device, and the way back, each sealed to it.

use crate::{
    bytes::Bytes,
    envelope::Envelope,
    keys::{KeyId, SigningKey},
    keyset::to_json,
    order::OrderError,
    pack::{Encoding, pack, unpack},
    seal::{Purpose, RecipientKey, SealContext},
    secret::SecretBytes,
};
use chrono::{DateTime, Utc};
use gw_model::{CustomerId, DeviceId, ObjectKind, OrderId, RunId};
use gw_secdesc::Sid;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A profile found on the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileSeen {
    /// Its SID.
    pub sid: Sid,
    /// Its folder, for people.
    pub folder: String,
}

/// Body of `stage`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageRequest {
    /// Version of the protocol: 1.
    pub v: u32,
    /// The order under which the run goes.
    pub order: OrderId,
    /// The run.
    pub run: RunId,
    /// X25519 public key (32 bytes), fresh for this request.
    pub recipient: Bytes,
    /// The computer's name now.
    pub computer_name: String,
    /// Distinct SIDs seen in profiles, groups, rights and descriptors, sorted.
    pub sids: Vec<Sid>,
    /// The profiles.
    pub profiles: Vec<ProfileSeen>,
}

/// Answer to `stage`: a sealed [`StagePackage`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageAnswer {
    /// Version of the protocol: 1.
    pub v: u32,
    /// With a [`PackageHeader`].
    pub package: Envelope,
}

/// Body of `return`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnRequest {
    /// Version of the protocol: 1.
    pub v: u32,
    /// The order under which the run goes.
    pub order: OrderId,
    /// The run.
    pub run: RunId,
    /// X25519 public key (32 bytes), fresh for this request.
    pub recipient: Bytes,
    /// Why the run goes back, for people.
    pub because: String,
}

/// Answer to `return`: a sealed [`ReturnTicket`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnAnswer {
    /// Version of the protocol: 1.
    pub v: u32,
    /// With a [`PackageHeader`].
    pub ticket: Envelope,
}

/// Header of a stage package or return ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageHeader {
    /// Version of the protocol: 1.
    pub v: u32,
    /// `stage` or `return`.
    pub purpose: Purpose,
    /// Whose.
    pub customer: CustomerId,
    /// For which device.
    pub device: DeviceId,
    /// For which agent key.
    pub agent_key: KeyId,
    /// Under which order.
    pub order: OrderId,
    /// For which run.
    pub run: RunId,
    /// When it was signed.
    pub issued_at: DateTime<Utc>,
    /// How the body's bytes are packed before sealing.
    pub encoding: Encoding,
}

/// How the device can come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnGrade {
    /// The server has proven that it may reset the source account's password.
    Auto,
    /// An operator supplies a ticket when it is needed.
    Assisted,
    /// There is no way back; the run starts only if the runbook says so.
    None,
}

/// A source SID and the target that replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SidPair {
    /// What is replaced.
    pub source: Sid,
    /// By what.
    pub target: Sid,
    /// User, group or computer.
    pub kind: ObjectKind,
    /// `DOMAIN\name` of the source, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_name: Option<String>,
    /// `DOMAIN\name` of the target, for ProfileList and people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_name: Option<String>,
}

/// A domain controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControllerFacts {
    /// DNS name.
    pub host: String,
    /// IP addresses, for a device that cannot resolve the name yet.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// AD site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
}

/// What a device needs to know of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryFacts {
    /// DNS name of the domain.
    pub dns_name: String,
    /// NetBIOS name of the domain.
    pub netbios_name: String,
    /// DNS name of the forest.
    pub forest: String,
    /// The domain's SID.
    pub sid: Option<Sid>,
    /// The domain's GUID, as text.
    pub guid: Option<gw_model::Guid>,
    /// Its controllers, the preferred one first.
    pub controllers: Vec<ControllerFacts>,
}

/// How the device joins, with its own secret and no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineJoin {
    /// The directory.
    pub directory: DirectoryFacts,
    /// The computer's name there, without `$`.
    pub computer_name: String,
    /// The machine account's name, with `$`.
    pub account: String,
    /// Its SID.
    pub account_sid: Option<Sid>,
    /// Version of its Kerberos key, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kvno: Option<u32>,
    /// Its password: UTF-8 text, which Windows keeps as UTF-16LE.
    pub secret: SecretBytes,
}

/// Everything a run needs before it leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagePackage {
    /// Pairs for the SIDs that the device has seen, sorted by source; no others.
    pub pairs: Vec<SidPair>,
    /// The join to the target; none if the runbook does not join.
    pub join: Option<MachineJoin>,
    /// How it can come back.
    pub return_grade: ReturnGrade,
    /// Why that grade, for people.
    pub return_because: String,
}

/// The way back into the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnTicket {
    /// The join to the source, with a newly set password.
    pub join: MachineJoin,
}

impl PackageHeader {
    /// What the body is bound to.
    #[must_use]
    pub fn context(&self) -> SealContext {
        SealContext {
            purpose: self.purpose,
            customer: self.customer,
            device: self.device,
            order: Some(self.order),
        }
    }

    /// Seals and signs a [`StagePackage`] or [`ReturnTicket`].
    ///
    /// # Errors
    /// The recipient's key is not one, or there is no randomness.
    pub fn seal<T: Serialize>(
        &self,
        body: &T,
        recipient: &[u8],
        key: &SigningKey,
    ) -> Result<Envelope, OrderError> {
        let plain = zeroize::Zeroizing::new(to_json(body));
        let plain = zeroize::Zeroizing::new(pack(self.encoding, &plain));
        let envelope = Envelope::make(&self.context(), to_json(self), &plain, recipient, key)?;
        Ok(envelope)
    }

    /// Reads a header. Call it after [`Envelope::verify`].
    ///
    /// # Errors
    /// Not a header, or of another version.
    pub fn read(header: &[u8]) -> Result<Self, OrderError> {
        serde_json::from_slice::<Self>(header)
            .ok()
            .filter(|header| header.v == crate::PROTOCOL_VERSION)
            .ok_or(OrderError::Form("header"))
    }

    /// Opens and reads the body of an envelope whose header this is.
    ///
    /// # Errors
    /// It does not open or cannot be read.
    pub fn open<T: DeserializeOwned>(
        &self,
        envelope: &Envelope,
        key: &RecipientKey,
    ) -> Result<T, OrderError> {
        let packed = zeroize::Zeroizing::new(envelope.open(&self.context(), key)?);
        let plain = zeroize::Zeroizing::new(unpack(self.encoding, &packed, MAX_BODY)?);
        serde_json::from_slice(&plain).map_err(|_| OrderError::Form("body"))
    }
}

/// The largest package after unpacking.
const MAX_BODY: usize = 64 << 20;
