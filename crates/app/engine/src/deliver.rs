//! From what the server sends to what a run directory holds. The agent calls
//! these after it has verified and opened the sealed messages; secrets come
//! back apart, to be written below `secrets/`.

use gw_model::RunKind;
use gw_platform::{AdTarget, BadSid, Controller, JoinTarget, SecretId, SidText};
use gw_runbook::{Area, Dialog, DomainJoin, LeaveFrom, ReadError, Runbook};
use gw_secdesc::Sid;
use gw_wire::order::{OrderBody, OrderHeader};
use gw_wire::secret::SecretBytes;
use gw_wire::stage::{
    DirectoryFacts, MachineJoin, ReturnGrade as WireGrade, ReturnTicket, StagePackage,
};

use crate::rundir::{
    Areas, DirectoryRef, JoinKind, LegalNotice, OrderFile, Pair, ReturnFile, ReturnGrade,
    RunbookRef, Settings, StageFile, Ticket,
};

/// Why a message cannot become a document.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The runbook in the order.
    #[error(transparent)]
    Runbook(#[from] ReadError),
    /// The order is no run and no rehearsal.
    #[error("an order of this kind does not begin a run")]
    Kind,
    /// A SID that cannot be written.
    #[error(transparent)]
    Sid(#[from] BadSid),
    /// A join without the domain's SID.
    #[error("the package does not name the SID of {0}; stage the device again")]
    NoDomainSid(String),
    /// The runbook asks for something this version does not do.
    #[error(
        "the runbook asks for {0}, which this version of the agent cannot do; update the agent"
    )]
    Unsupported(&'static str),
    /// The same, said by the runbook's own rules.
    #[error("the runbook asks for what this version of the agent does not do: {0}")]
    LeftOut(String),
    /// Not UTF-8.
    #[error("the runbook in the order is not text")]
    Text,
}

/// `order.json` for a verified order.
///
/// # Errors
/// When the order is no run, or its runbook asks for what the engine cannot do.
pub fn order_file(header: &OrderHeader, body: &OrderBody) -> Result<OrderFile, DeliverError> {
    let kind = match header.kind.run_kind() {
        Some(kind @ (RunKind::Run | RunKind::Rehearse)) => kind,
        _ => return Err(DeliverError::Kind),
    };
    let text = std::str::from_utf8(&body.runbook.0).map_err(|_| DeliverError::Text)?;
    let runbook = gw_runbook::read(text)?;
    Ok(OrderFile {
        v: 1,
        run_id: header.run,
        order_id: header.order,
        kind,
        runbook: RunbookRef {
            id: header.runbook.id,
            version: header.runbook.version,
            name: header.runbook.name.clone(),
        },
        sources: body
            .sources
            .iter()
            .map(directory_ref)
            .collect::<Result<_, _>>()?,
        target: body.target.as_ref().map(directory_ref).transpose()?,
        settings: settings(&runbook)?,
    })
}

/// `stage.json` for an opened package, and the secret for
/// `secrets/target-machine`.
///
/// # Errors
/// When the package lacks what a join needs.
pub fn stage_file(
    package: &StagePackage,
) -> Result<(StageFile, Option<(SecretId, SecretBytes)>), DeliverError> {
    let pairs = package
        .pairs
        .iter()
        .map(|pair| {
            Ok(Pair {
                source_sid: text(&pair.source)?,
                target_sid: text(&pair.target)?,
                source_name: pair.source_name.clone(),
                target_name: pair.target_name.clone(),
            })
        })
        .collect::<Result<_, BadSid>>()?;
    let id = SecretId("target-machine".to_owned());
    let file = StageFile {
        v: 1,
        pairs,
        target: package.join.as_ref().map(join_target).transpose()?,
        secret: package.join.as_ref().map(|_| id.clone()),
        computer_name: package.join.as_ref().map(|join| join.computer_name.clone()),
        return_grade: match package.return_grade {
            WireGrade::Auto => ReturnGrade::Auto,
            WireGrade::Assisted => ReturnGrade::Assisted,
            WireGrade::None => ReturnGrade::None,
        },
        return_because: package.return_because.clone(),
    };
    let secret = package.join.as_ref().map(|join| (id, join.secret.clone()));
    Ok((file, secret))
}

/// `return.json` for an opened ticket, and its secret. `number` makes the id
/// of the secret new for every ticket of a run: 1, 2, 3, …
///
/// # Errors
/// When the ticket lacks what a join needs.
pub fn return_file(
    ticket: &ReturnTicket,
    number: u32,
) -> Result<(ReturnFile, (SecretId, SecretBytes)), DeliverError> {
    let id = SecretId(format!("source-machine-{number}"));
    let file = ReturnFile {
        v: 1,
        ticket: Some(Ticket {
            source: join_target(&ticket.join)?,
            secret: id.clone(),
        }),
        refused: None,
    };
    Ok((file, (id, ticket.join.secret.clone())))
}

/// Days after the end of a run until its fallback administrator is switched
/// off; `None` when the order asks for none.
pub fn fallback_days(body: &OrderBody) -> Option<i64> {
    let text = std::str::from_utf8(&body.runbook.0).ok()?;
    let runbook = gw_runbook::read(text).ok()?;
    fallback(&runbook)?;
    let account = runbook.startup.fallback_administrator?;
    Some(account.remove_after_days.into())
}

fn settings(runbook: &Runbook) -> Result<Settings, DeliverError> {
    if let Some(gap) = runbook.left_out().into_iter().find(|gap| gap.stops) {
        return Err(DeliverError::LeftOut(gap.message));
    }
    let defaults = Settings::default();
    let areas = &runbook.permission_updates.areas;
    Ok(Settings {
        leave: runbook.device_state.leave,
        join: match &runbook.device_state.join {
            DomainJoin::None => JoinKind::None,
            DomainJoin::ActiveDirectory(ad) if ad.offline => {
                return Err(DeliverError::Unsupported("an offline domain join"));
            }
            DomainJoin::ActiveDirectory(_) => JoinKind::ActiveDirectory,
            DomainJoin::Entra(_) => return Err(DeliverError::Unsupported("an Entra join")),
        },
        forward_only: runbook.device_state.way_back.forward_only,
        allow_server: runbook.general.allow_server_os,
        mode: runbook.permission_updates.mode,
        areas: Areas {
            profiles: areas.contains(&Area::Profiles),
            files: areas.contains(&Area::FileSystem),
            registry: areas.contains(&Area::Registry),
            local_groups: areas.contains(&Area::LocalGroups),
        },
        outside: Some(areas.clone()),
        ignored: runbook.permission_updates.ignored.clone(),
        legal_notice: runbook
            .startup
            .set_legal_notice
            .then(|| legal_notice(runbook)),
        prevent_login: runbook.startup.prevent_login,
        budget_s: u64::from(runbook.device_state.way_back.time_budget_minutes) * 60,
        fallback_administrator: fallback(runbook),
        ..defaults
    })
}

/// A run that leaves no directory cannot end without one, and needs no way in.
fn fallback(runbook: &Runbook) -> Option<String> {
    let account = runbook.startup.fallback_administrator.as_ref()?;
    (runbook.device_state.leave != LeaveFrom::None).then(|| account.name.clone())
}

fn legal_notice(runbook: &Runbook) -> LegalNotice {
    let own = runbook
        .user_experience
        .texts
        .get("default")
        .and_then(|texts| texts.get(&Dialog::LegalNotice));
    let or = |text: Option<&String>, fallback: &str| match text {
        Some(text) if !text.is_empty() => text.clone(),
        _ => fallback.to_owned(),
    };
    LegalNotice {
        caption: or(own.map(|o| &o.title), "This device is being moved"),
        text: or(
            own.map(|o| &o.body),
            "Please do not sign in and do not switch the device off. It tells you when it is ready.",
        ),
    }
}

fn directory_ref(facts: &DirectoryFacts) -> Result<DirectoryRef, BadSid> {
    Ok(DirectoryRef {
        dns_name: facts.dns_name.to_lowercase(),
        domain_sid: facts.sid.as_ref().map(text).transpose()?,
    })
}

fn join_target(join: &MachineJoin) -> Result<JoinTarget, DeliverError> {
    let directory = &join.directory;
    let domain_sid = directory
        .sid
        .clone()
        .or_else(|| join.account_sid.as_ref().and_then(Sid::domain))
        .ok_or_else(|| DeliverError::NoDomainSid(directory.dns_name.clone()))?;
    Ok(JoinTarget::ActiveDirectory(AdTarget {
        dns_name: directory.dns_name.to_lowercase(),
        netbios_name: directory.netbios_name.to_uppercase(),
        forest_name: directory.forest.to_lowercase(),
        domain_sid: text(&domain_sid)?,
        domain_guid: directory.guid.map(|guid| guid.to_string().to_lowercase()),
        account_name: join.account.clone(),
        machine_sid: join.account_sid.as_ref().map(text).transpose()?,
        controllers: directory
            .controllers
            .iter()
            .map(|controller| Controller {
                host: controller.host.to_lowercase(),
                addresses: controller.addresses.clone(),
                site: controller.site.clone(),
            })
            .collect(),
        kvno: join.kvno,
    }))
}

fn text(sid: &Sid) -> Result<SidText, BadSid> {
    sid.to_string().parse()
}
