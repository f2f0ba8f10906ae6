//! The JSON documents of a run directory.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use gw_model::{FinalState, OrderId, RunId, RunKind, RunbookId, StepName, StepState, UserOutcome};
use gw_platform::{
    BadMap, Counts, JoinProof, JoinState, JoinTarget, SecretId, SidMap, SidText, WinPath,
};
use gw_runbook::{Area, LeaveFrom, PermissionMode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::journal::Finding;

/// Version of all documents.
const VERSION: u64 = 1;

/// `order.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderFile {
    /// 1.
    pub v: u64,
    /// The run.
    pub run_id: RunId,
    /// The order that began it.
    pub order_id: OrderId,
    /// `run` or `rehearse`.
    pub kind: RunKind,
    /// Which runbook.
    pub runbook: RunbookRef,
    /// Directories the device may be in.
    #[serde(default)]
    pub sources: Vec<DirectoryRef>,
    /// Where it goes.
    #[serde(default)]
    pub target: Option<DirectoryRef>,
    /// What to do.
    #[serde(default)]
    pub settings: Settings,
}

/// Which runbook, for results and people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunbookRef {
    /// Its id.
    pub id: RunbookId,
    /// Its version.
    pub version: u32,
    /// Its name.
    pub name: String,
}

/// A directory by name and SID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryRef {
    /// DNS name, lower case; of an Entra tenant its id.
    pub dns_name: String,
    /// SID of the domain, if known.
    #[serde(default)]
    pub domain_sid: Option<SidText>,
}

impl DirectoryRef {
    /// Whether a device with membership `join` belongs to it.
    pub fn holds(&self, join: &JoinState) -> bool {
        match (join, &self.domain_sid) {
            (JoinState::ActiveDirectory(ad), Some(sid)) => ad.domain_sid == *sid,
            (JoinState::ActiveDirectory(ad), None) => {
                ad.dns_name.eq_ignore_ascii_case(&self.dns_name)
            }
            (JoinState::Entra { tenant_id, .. }, _) => {
                tenant_id.eq_ignore_ascii_case(&self.dns_name)
            }
            _ => false,
        }
    }
}

/// What a run does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Which directory is left.
    pub leave: LeaveFrom,
    /// Whether a domain is joined.
    pub join: JoinKind,
    /// Start even if the device could not come back.
    pub forward_only: bool,
    /// Server editions may run it.
    pub allow_server: bool,
    /// Leave, add or replace.
    pub mode: PermissionMode,
    /// Where permissions are rewritten.
    pub areas: Areas,
    /// Areas outside descriptors of files and keys; an order from before there
    /// were any has none, and keeps recycle bins and keys among its files.
    #[serde(default)]
    pub outside: Option<BTreeSet<Area>>,
    /// Paths left alone.
    pub ignored: Vec<String>,
    /// Notice shown to who tries to sign in.
    pub legal_notice: Option<LegalNotice>,
    /// Deny interactive logon to migrating users.
    pub prevent_login: bool,
    /// Free bytes the system volume must have.
    pub min_free_bytes: u64,
    /// Battery percentage below which a device off the mains does not start.
    pub min_battery_percent: u8,
    /// Seconds from the first change beyond the fallback administrator until the
    /// target is reached and verified, after which the device goes back; and
    /// from the first need of a return ticket until it is held.
    pub budget_s: u64,
    /// Name of the local administrator that is made and escrowed before the
    /// device leaves; its password is the secret [`crate::rundir::FALLBACK`].
    pub fallback_administrator: Option<String>,
    /// Starts without a new journal record before the agent gives up.
    pub max_starts: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            leave: LeaveFrom::None,
            join: JoinKind::None,
            forward_only: false,
            allow_server: false,
            mode: PermissionMode::Replace,
            areas: Areas::default(),
            outside: None,
            ignored: gw_runbook::DEFAULT_IGNORED.map(str::to_owned).into(),
            legal_notice: None,
            prevent_login: true,
            min_free_bytes: 2 << 30,
            min_battery_percent: 30,
            budget_s: 4 * 3600,
            fallback_administrator: None,
            max_starts: 20,
        }
    }
}

/// What is joined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinKind {
    /// Nothing.
    #[default]
    None,
    /// An Active Directory domain.
    ActiveDirectory,
    /// The same with a provisioning blob, without a controller at hand.
    ActiveDirectoryOffline,
    /// An Entra tenant, by bulk enrolment token.
    Entra,
}

/// Where permissions are rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Areas {
    /// Profile registration, folders and hives.
    pub profiles: bool,
    /// Files and folders of the system volume.
    pub files: bool,
    /// SOFTWARE and SYSTEM.
    pub registry: bool,
    /// Members of local groups.
    pub local_groups: bool,
}

impl Default for Areas {
    fn default() -> Areas {
        Areas {
            profiles: true,
            files: true,
            registry: true,
            local_groups: true,
        }
    }
}

/// Text shown before sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalNotice {
    /// Title.
    pub caption: String,
    /// Text.
    pub text: String,
}

/// `stage.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageFile {
    /// 1.
    pub v: u64,
    /// Only pairs whose source was seen.
    pub pairs: Vec<Pair>,
    /// Where the device joins.
    #[serde(default)]
    pub target: Option<JoinTarget>,
    /// Its machine secret.
    #[serde(default)]
    pub secret: Option<SecretId>,
    /// The device's name there; without one it keeps the name it has.
    #[serde(default)]
    pub computer_name: Option<String>,
    /// How it can come back.
    pub return_grade: ReturnGrade,
    /// Why that grade.
    #[serde(default)]
    pub return_because: String,
}

impl StageFile {
    /// The pairs as a map.
    ///
    /// # Errors
    /// When a target is itself a source, or a source has two targets.
    pub fn map(&self) -> Result<SidMap, BadMap> {
        SidMap::new(
            self.pairs
                .iter()
                .map(|pair| (pair.source_sid.clone(), pair.target_sid.clone())),
        )
    }
}

/// A source and its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// Source.
    pub source_sid: SidText,
    /// Target.
    pub target_sid: SidText,
    /// `DOMAIN\name` of the source.
    #[serde(default)]
    pub source_name: Option<String>,
    /// `DOMAIN\name` of the target.
    #[serde(default)]
    pub target_name: Option<String>,
}

/// How a device can come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnGrade {
    /// The server can reset the source account's password.
    Auto,
    /// An operator supplies a ticket.
    Assisted,
    /// No way back.
    None,
}

/// `return.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReturnFile {
    /// 1.
    pub v: u64,
    /// The way back.
    #[serde(default)]
    pub ticket: Option<Ticket>,
    /// Why there is none.
    #[serde(default)]
    pub refused: Option<Refusal>,
}

/// A return ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// The source directory.
    pub source: JoinTarget,
    /// The newly set machine secret.
    pub secret: SecretId,
}

/// There is no ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Why.
    pub because: String,
    /// There will be none.
    #[serde(default)]
    pub r#final: bool,
}

/// `escrow.json`: the server holds these secrets, and has said so in a signed
/// answer that the agent has verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscrowFile {
    /// 1.
    pub v: u64,
    /// Secrets that are safe.
    pub acknowledged: Vec<SecretId>,
}

/// `result.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResultFile {
    /// 1.
    pub v: u64,
    /// The run.
    pub run_id: RunId,
    /// Run or rehearsal.
    pub kind: RunKind,
    /// How it ended.
    pub state: FinalState,
    /// Why.
    pub because: String,
    /// Everything was read back and found right.
    pub verified: bool,
    /// First record.
    pub began: DateTime<Utc>,
    /// Last record.
    pub ended: DateTime<Utc>,
    /// Restarts asked for.
    pub reboots: u32,
    /// Processes that worked on it.
    pub attempts: u32,
    /// Where the device is now.
    pub join: JoinState,
    /// The last proof, if any.
    pub proof: Option<JoinProof>,
    /// Each step.
    pub steps: Vec<StepReport>,
    /// Each profile.
    pub users: Vec<UserOutcome>,
    /// Profiles without a pair.
    pub unmapped_profiles: Vec<UnmappedProfile>,
    /// Totals by step name.
    pub counts: BTreeMap<String, Counts>,
    /// Objects that equal their before-image again.
    pub undone_objects: u64,
    /// Preflight results.
    pub findings: Vec<Finding>,
    /// Remarks.
    pub notes: Vec<String>,
    /// What started the way back.
    pub error: Option<ErrorReport>,
}

/// One step of a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// Which.
    pub step: StepName,
    /// How it ended.
    pub state: StepState,
    /// Milliseconds from its first to its last record.
    pub duration_ms: u64,
    /// For people.
    pub detail: Option<String>,
}

/// A profile that was left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnmappedProfile {
    /// Owner.
    pub sid: SidText,
    /// Folder.
    pub path: WinPath,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// In which step.
    pub step: StepName,
    /// What.
    pub message: String,
    /// What a person can do.
    pub remedy: String,
}

/// Why a document is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDocument {
    /// Written by a newer agent.
    #[error(
        "{name} has version {found}, this program reads {VERSION}; start it with the agent that wrote it"
    )]
    Version {
        /// Its name.
        name: String,
        /// Its version.
        found: u64,
    },
    /// Not the JSON it should be.
    #[error("{name} cannot be read: {why}")]
    Form {
        /// Its name.
        name: String,
        /// How.
        why: String,
    },
}

/// Reads a document and checks its version.
///
/// # Errors
/// When it is newer than this program, or malformed.
pub fn read_document<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, BadDocument> {
    #[derive(Deserialize)]
    struct Head {
        v: u64,
    }
    let form = |error: serde_json::Error| BadDocument::Form {
        name: name.to_owned(),
        why: error.to_string(),
    };
    let head: Head = serde_json::from_slice(bytes).map_err(form)?;
    if head.v != VERSION {
        return Err(BadDocument::Version {
            name: name.to_owned(),
            found: head.v,
        });
    }
    serde_json::from_slice(bytes).map_err(form)
}
