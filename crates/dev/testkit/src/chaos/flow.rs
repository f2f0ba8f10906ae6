//! The flows between directories (`docs/intended-behaviour`), each as a PC in
//! its source, an order and a stage package.

use std::collections::BTreeMap;

use gw_engine::rundir::{
    DirectoryRef, FALLBACK, JoinKind, LegalNotice, OrderFile, Pair, ReturnGrade, RunbookRef,
    Settings, StageFile,
};
use gw_model::{OrderId, RunId, RunKind, RunbookId};
use gw_platform::fake::{Fuse, GroupCell, Place, SamplePc, sample_between};
use gw_platform::{JoinState, JoinTarget, SecretId};
use gw_runbook::{LeaveFrom, PermissionMode};

/// Name of the fallback administrator.
pub(super) const RESCUE: &str = "godwit-rescue";
/// Its password.
pub(super) const RESCUE_PASSWORD: &[u8] = b"rescue-0";

/// The name that a device gets where it is renamed.
const NEW_NAME: &str = "pc-New";

/// Whether the device keeps its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// It does.
    Kept,
    /// The target knows it by another one.
    New,
}

impl Name {
    /// What the stage package says.
    pub(super) fn given(self) -> Option<String> {
        match self {
            Name::Kept => None,
            Name::New => Some(NEW_NAME.to_owned()),
        }
    }
}

/// From where to where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// Domain to domain, a controller in sight.
    AdToAd,
    /// Domain to tenant.
    AdToEntra,
    /// Domain and tenant to another tenant.
    HybridToEntra,
    /// Tenant to tenant.
    EntraToEntra,
    /// Tenant to domain.
    EntraToAd,
    /// Domain to domain by a blob.
    AdToAdOffline,
}

impl Flow {
    /// All of them.
    pub const ALL: [Flow; 6] = [
        Flow::AdToAd,
        Flow::AdToEntra,
        Flow::HybridToEntra,
        Flow::EntraToEntra,
        Flow::EntraToAd,
        Flow::AdToAdOffline,
    ];

    /// Its file below `docs/intended-behaviour`, without the ending.
    pub fn name(self) -> &'static str {
        match self {
            Flow::AdToAd => "ad-to-ad",
            Flow::AdToEntra => "ad-to-entra",
            Flow::HybridToEntra => "hybrid-to-entra",
            Flow::EntraToEntra => "entra-to-entra",
            Flow::EntraToAd => "entra-to-ad",
            Flow::AdToAdOffline => "ad-to-ad-offline",
        }
    }

    fn from(self) -> Place {
        match self {
            Flow::AdToAd | Flow::AdToEntra | Flow::AdToAdOffline => Place::Domain,
            Flow::HybridToEntra => Place::Hybrid,
            Flow::EntraToEntra | Flow::EntraToAd => Place::Tenant,
        }
    }

    fn to(self) -> Place {
        match self {
            Flow::AdToEntra | Flow::HybridToEntra | Flow::EntraToEntra => Place::Tenant,
            _ => Place::Domain,
        }
    }

    pub(super) fn pc(
        self,
        fuse: Fuse,
        (users, files): (u32, u32),
        running: bool,
        name: Name,
    ) -> SamplePc {
        let mut sample = sample_between(fuse, users, files, self.from(), self.to());
        sample.pc.wants_reboot = running;
        if self == Flow::AdToAdOffline
            && let JoinTarget::ActiveDirectory(ad) = sample.target.clone()
        {
            sample.target = JoinTarget::ActiveDirectoryOffline(ad);
        }
        if let Some(name) = name.given() {
            sample.expected_as(&name);
        }
        sample
    }

    /// The order, with a budget of `budget_s` seconds.
    pub(super) fn order(self, budget_s: u64) -> OrderFile {
        let id = uuid::Uuid::from_u128;
        let domain = |name: &str, sid: &str| DirectoryRef {
            dns_name: name.to_owned(),
            domain_sid: sid.parse().ok(),
        };
        let source = || domain("source.test", "S-1-5-21-1-2-3");
        let tenant = |name: &str| DirectoryRef {
            dns_name: name.to_owned(),
            domain_sid: None,
        };
        OrderFile {
            v: 1,
            run_id: RunId(id(7)),
            order_id: OrderId(id(8)),
            kind: RunKind::Run,
            runbook: RunbookRef {
                id: RunbookId(id(9)),
                version: 3,
                name: "Move".to_owned(),
            },
            sources: match self.from() {
                Place::Domain => vec![source()],
                Place::Hybrid => vec![source(), tenant("source-tenant")],
                Place::Tenant => vec![tenant("source-tenant")],
            },
            target: Some(match self.to() {
                Place::Tenant => tenant("target-tenant"),
                _ => domain("target.test", "S-1-5-21-4-5-6"),
            }),
            settings: Settings {
                leave: match self.from() {
                    Place::Domain => LeaveFrom::ActiveDirectory,
                    Place::Tenant => LeaveFrom::Entra,
                    Place::Hybrid => LeaveFrom::All,
                },
                join: match self {
                    Flow::AdToAdOffline => JoinKind::ActiveDirectoryOffline,
                    _ if self.to() == Place::Tenant => JoinKind::Entra,
                    _ => JoinKind::ActiveDirectory,
                },
                mode: PermissionMode::Replace,
                ignored: vec!["%SystemRoot%".to_owned()],
                legal_notice: Some(LegalNotice {
                    caption: "Moving".to_owned(),
                    text: "Please wait".to_owned(),
                }),
                fallback_administrator: Some(RESCUE.to_owned()),
                budget_s,
                ..Settings::default()
            },
        }
    }

    pub(super) fn secrets() -> BTreeMap<String, Vec<u8>> {
        BTreeMap::from([(FALLBACK.to_owned(), RESCUE_PASSWORD.to_vec())])
    }
}

/// The stage package for a sample PC; its secret is `target-machine`.
pub(super) fn stage(sample: &SamplePc, name: Name) -> StageFile {
    StageFile {
        v: 1,
        pairs: sample
            .users
            .iter()
            .map(|(name, source, target)| Pair {
                source_sid: source.clone(),
                target_sid: target.clone(),
                source_name: None,
                target_name: Some(format!("TARGET\\{name}")),
            })
            .collect(),
        target: Some(sample.target.clone()),
        secret: Some(SecretId("target-machine".to_owned())),
        computer_name: name.given(),
        return_grade: ReturnGrade::Auto,
        return_because: "proven".to_owned(),
    }
}

/// A snapshot without what no way back promises: which device id a tenant gave
/// out, what is parked, a fallback administrator that is switched off; and, for
/// a device that came back by a new registration, its enrolment.
pub(super) fn comparable(
    snapshot: &BTreeMap<String, Vec<u8>>,
    came_back: bool,
) -> BTreeMap<String, Vec<u8>> {
    let mut out = BTreeMap::new();
    for (key, value) in snapshot {
        let dropped = key.starts_with("parked/")
            || key.starts_with("account/")
            || (came_back && (key == "join/registration" || key.starts_with("mdm/")));
        if dropped {
            continue;
        }
        let value = match key.as_str() {
            "join/state" => same_device(value),
            _ if key.starts_with("group/") => without_rescue(value),
            _ => value.clone(),
        };
        out.insert(key.clone(), value);
    }
    out
}

fn same_device(bytes: &[u8]) -> Vec<u8> {
    match serde_json::from_slice::<JoinState>(bytes) {
        Ok(JoinState::Entra { tenant_id, .. }) => tenant_id.into_bytes(),
        _ => bytes.to_vec(),
    }
}

/// The membership of the fallback administrator is judged by signing it in.
fn without_rescue(bytes: &[u8]) -> Vec<u8> {
    let Ok(mut group) = serde_json::from_slice::<GroupCell>(bytes) else {
        return bytes.to_vec();
    };
    group
        .members
        .retain(|sid| !sid.as_str().starts_with("S-1-5-21-77-88-99-1"));
    serde_json::to_vec(&group).unwrap_or_else(|_| bytes.to_vec())
}
