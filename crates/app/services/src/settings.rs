//! Settings of the whole server.

use crate::{Actor, Internal, LicenceError, Services, error::refused};
use gw_store::{IssuerRecord, Lane, Tx};
use serde::Serialize;

const AGENT_URL: &str = "agent url";
const POLL_MINUTES: &str = "poll minutes";
const TLS_PINS: &str = "tls pins";
const REVISION: &str = "settings revision";

/// Settings of the whole server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerSettings {
    /// Where agents reach the server: `https://host[/prefix]/Agent`; empty until it is set.
    pub agent_url: String,
    /// How often idle agents ask, in minutes.
    pub poll_minutes: u32,
    /// Whose licences are believed.
    pub issuers: Vec<IssuerRecord>,
    /// The recovery key was typed in again by whoever wrote it down.
    pub recovery_key_confirmed: bool,
    /// Rises with every change; used as the ETag.
    pub revision: i64,
}

/// What to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsDraft {
    /// Where agents reach the server.
    pub agent_url: String,
    /// How often idle agents ask, in minutes: 5 to 1,440.
    pub poll_minutes: u32,
    /// Names and public keys of the issuers whose licences are believed; all of them.
    pub issuers: Vec<(String, String)>,
}

/// Settings were refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The address cannot be used.
    #[error(
        "the address for agents is https://host/Agent, with a prefix before /Agent if a proxy adds one"
    )]
    Url,
    /// Out of range.
    #[error("idle agents ask every 5 to 1,440 minutes")]
    Poll,
    /// Changed meanwhile.
    #[error("the settings were changed meanwhile; read them again")]
    Stale,
    /// An issuer's key.
    #[error(transparent)]
    Issuer(#[from] LicenceError),
    /// Our fault.
    #[error(transparent)]
    Inner(#[from] Internal),
}

refused!(SettingsError {
    Self::Url => Invalid, "agent_url_form", "agent_url";
    Self::Poll => Invalid, "poll_minutes_range", "poll_minutes";
    Self::Stale => Stale, "stale";
    Self::Issuer(error) => crate::Refused::kind(error), "issuer_refused", "licence_issuers";
});

impl Services {
    /// The settings.
    ///
    /// # Errors
    /// The store failed.
    pub async fn settings(&self) -> Result<ServerSettings, Internal> {
        let recovery_key_confirmed = self.recovery_key_confirmed().await?;
        let mut tx = self.store.read().await?;
        Ok(ServerSettings {
            agent_url: tx.setting(AGENT_URL).await?.unwrap_or_default(),
            poll_minutes: tx
                .setting(POLL_MINUTES)
                .await?
                .and_then(|text| text.parse().ok())
                .unwrap_or(60),
            issuers: tx.issuers().await?,
            recovery_key_confirmed,
            revision: revision(&mut tx).await?,
        })
    }

    /// Changes the settings; every KeySet follows.
    ///
    /// # Errors
    /// A field cannot be used, or they were changed meanwhile.
    pub async fn set_settings(
        &self,
        actor: &Actor,
        if_match: i64,
        draft: SettingsDraft,
    ) -> Result<ServerSettings, SettingsError> {
        let url = draft.agent_url.trim().to_owned();
        check_url(&url)?;
        if !(5..=1_440).contains(&draft.poll_minutes) {
            return Err(SettingsError::Poll);
        }
        let mut issuers = Vec::new();
        for (name, key) in &draft.issuers {
            issuers.push(crate::licences::issuer_record(name, key, self.now())?);
        }
        let row = self.audit_row(
            actor,
            None,
            "server.settings",
            "",
            format!("agents reach the server at {url}"),
        );
        let poll = draft.poll_minutes.to_string();
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                if revision(tx).await? != if_match {
                    return Err(SettingsError::Stale);
                }
                let changed = tx.setting(AGENT_URL).await?.as_deref() != Some(url.as_str());
                tx.set_setting(AGENT_URL, &url).await?;
                tx.set_setting(POLL_MINUTES, &poll).await?;
                tx.set_setting(REVISION, &(if_match + 1).to_string())
                    .await?;
                for held in tx.issuers().await? {
                    if !issuers.iter().any(|new| new.key_id == held.key_id) {
                        tx.remove_issuer(&held.key_id).await?;
                    }
                }
                for issuer in &issuers {
                    tx.add_issuer(issuer).await?;
                }
                if changed {
                    raise_epochs(tx).await?;
                }
                tx.add_audit(&row).await?;
                Ok(())
            })
            .await?;
        self.agents.forget_all();
        Ok(self.settings().await?)
    }

    /// Tells agents which TLS keys to believe without a certificate chain: SHA-256 of the
    /// SubjectPublicKeyInfo, 64 hexadecimal digits each. Called when the certificate changed.
    ///
    /// # Errors
    /// The store failed.
    pub async fn set_tls_pins(&self, pins: Vec<String>) -> Result<(), Internal> {
        let text = pins.join(" ");
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                if tx.setting(TLS_PINS).await?.as_deref() != Some(text.as_str()) {
                    tx.set_setting(TLS_PINS, &text).await?;
                    raise_epochs(tx).await?;
                }
                Ok::<(), gw_store::StoreError>(())
            })
            .await?;
        self.agents.forget_all();
        Ok(())
    }

    /// Sets the address for agents if none is set, as the server guesses it at its first start.
    ///
    /// # Errors
    /// It is no address.
    pub async fn suggest_agent_url(&self, url: &str) -> Result<(), SettingsError> {
        let url = url.to_owned();
        check_url(&url)?;
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                if tx.setting(AGENT_URL).await?.is_none() {
                    tx.set_setting(AGENT_URL, &url).await?;
                    raise_epochs(tx).await?;
                }
                Ok::<(), gw_store::StoreError>(())
            })
            .await?;
        Ok(())
    }
}

/// The addresses and TLS pins that a KeySet names.
pub(crate) async fn reach(tx: &mut Tx) -> Result<(Vec<String>, Vec<String>), gw_store::StoreError> {
    let url = tx.setting(AGENT_URL).await?.filter(|url| !url.is_empty());
    let pins = tx.setting(TLS_PINS).await?.unwrap_or_default();
    Ok((
        url.into_iter().collect(),
        pins.split_whitespace().map(str::to_owned).collect(),
    ))
}

async fn revision(tx: &mut Tx) -> Result<i64, gw_store::StoreError> {
    Ok(tx
        .setting(REVISION)
        .await?
        .and_then(|text| text.parse().ok())
        .unwrap_or(1))
}

async fn raise_epochs(tx: &mut Tx) -> Result<(), gw_store::StoreError> {
    for customer in tx.customers().await? {
        tx.raise_epoch(customer.id, 0).await?;
    }
    Ok(())
}

fn check_url(url: &str) -> Result<(), SettingsError> {
    let host = url
        .strip_prefix("https://")
        .and_then(|rest| rest.strip_suffix("/Agent"));
    match host {
        Some(host)
            if !host.is_empty()
                && !host.contains(|c: char| c.is_whitespace() || "?#\"'<>".contains(c)) =>
        {
            Ok(())
        }
        _ => Err(SettingsError::Url),
    }
}
