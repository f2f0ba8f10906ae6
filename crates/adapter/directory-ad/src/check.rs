//! *Test connection*: the stages of connecting one by one, then what an import needs to see.

use crate::{
    connect, facts,
    import::{base_dn, filter_of, with_hint},
    session::{Search, Session},
    tls,
};
use gw_directory::{
    CheckName, ConnectionReport, ConnectionSettings, DirectoryError, DomainFacts, Problem, Trust,
};
use gw_model::ObjectKind;
use gw_secdesc::Sid;
use ldap3::Scope;

/// Runs the six checks; stops at the first that fails.
pub(crate) async fn run(settings: &ConnectionSettings) -> ConnectionReport {
    let mut report = ConnectionReport::new();
    let mut stage = CheckName::Name;
    if let Err(error) = stages(settings, &mut report, &mut stage).await {
        report.failed(stage, error.problem());
    }
    report
}

async fn stages(
    settings: &ConnectionSettings,
    report: &mut ConnectionReport,
    stage: &mut CheckName,
) -> Result<(), DirectoryError> {
    connect::check_settings(settings)?;
    let addresses = connect::resolve(settings).await?;
    let list: Vec<_> = addresses
        .iter()
        .map(|address| address.ip().to_string())
        .collect();
    report.passed(
        CheckName::Name,
        format!("{} is {}", settings.host, list.join(", ")),
    );

    *stage = CheckName::Port;
    let stream = connect::dial(settings, &addresses).await?;
    report.passed(CheckName::Port, format!("port {} answers", settings.port));

    *stage = CheckName::Tls;
    let config = tls::config(&settings.trust)?;
    let session = connect::secure(settings, stream, config).await?;
    let trusted = match settings.trust {
        Trust::System => "trusted by the operating system's store",
        Trust::Ca { .. } => "issued by the custom certificate authority",
        Trust::Pin { .. } => "the pinned one",
    };
    report.passed(
        CheckName::Tls,
        format!("the certificate of {} is {trusted}", settings.host),
    );

    *stage = CheckName::Credentials;
    connect::check_bind(settings)?;
    session.sign_in(&settings.bind).await?;
    report.passed(
        CheckName::Credentials,
        format!("{} signed in", settings.bind.account),
    );

    *stage = CheckName::BaseDn;
    let facts = facts::read(&session).await?;
    let base = base_dn(settings, &facts).to_owned();
    if session
        .read(&base, &["objectClass"])
        .await
        .map_err(|error| with_hint(error, &facts.dn))?
        .is_none()
    {
        return Err(DirectoryError::NoSuchObject {
            dn: base,
            matched: None,
            domain_dn: Some(facts.dn),
        });
    }
    report.passed(CheckName::BaseDn, format!("searches start at {base}"));
    report.facts = Some(facts.clone());

    *stage = CheckName::Rights;
    match rights(&session, settings, &facts, &base).await? {
        Ok(detail) => report.passed(CheckName::Rights, detail),
        Err(problem) => report.failed(CheckName::Rights, problem),
    }
    session.close().await;
    Ok(())
}

/// Looks at a few objects of each kind as an import would.
async fn rights(
    session: &Session,
    settings: &ConnectionSettings,
    facts: &DomainFacts,
    base: &str,
) -> Result<Result<String, Problem>, DirectoryError> {
    let mut none = Vec::new();
    let mut unreadable = Vec::new();
    for (kind, words) in KINDS {
        let search = Search {
            base,
            scope: Scope::Subtree,
            filter: filter_of(*kind),
            attributes: &["objectGUID", "objectSid", "sAMAccountName"],
        };
        let sample = session.sample(&search, 5).await?;
        let complete = sample.iter().any(|entry| {
            entry.bytes("objectGUID").is_some()
                && entry.text("sAMAccountName").is_some()
                && entry
                    .bytes("objectSid")
                    .is_some_and(|bytes| Sid::from_bytes(bytes).is_ok())
        });
        if sample.is_empty() {
            none.push(*words);
        } else if !complete {
            unreadable.push(*words);
        }
    }
    let whole_domain = base.eq_ignore_ascii_case(&facts.dn);
    let account = &settings.bind.account;
    if !unreadable.is_empty() {
        return Ok(Err(Problem {
            code: "attributes_unreadable",
            cause: format!("{account} sees {} below `{base}` but not their objectGUID, objectSid or sAMAccountName", unreadable.join(" and ")),
            remedy: "grant \"read all properties\" on these objects to the account; a plain domain user has it by default".into(),
        }));
    }
    if none.len() == KINDS.len() || (whole_domain && !none.is_empty()) {
        return Ok(Err(Problem {
            code: "objects_unreadable",
            cause: format!("{account} sees no {} below `{base}`", none.join(" and no ")),
            remedy: "grant \"list contents\" and \"read all properties\" there to the account (a plain domain user has them by default), or correct the base DN".into(),
        }));
    }
    let seen = KINDS
        .iter()
        .map(|(_, words)| *words)
        .filter(|words| !none.contains(words));
    let mut detail = format!("{} can be read", seen.collect::<Vec<_>>().join(", "));
    if !none.is_empty() {
        detail.push_str(&format!("; there are no {} below {base}", none.join(", ")));
    }
    Ok(Ok(detail))
}

const KINDS: &[(ObjectKind, &str)] = &[
    (ObjectKind::User, "users"),
    (ObjectKind::Group, "groups"),
    (ObjectKind::Computer, "computers"),
];
