//! Directory connections. The password is sealed under the directory's id and leaves this crate
//! only towards the directory itself; changing where it would be sent asks for it again.

use crate::{Actor, Internal, Services, customers::name_is_usable, error::refused};
use gw_directory::{
    BindAccount, ConnectionReport, ConnectionSettings, Secret, Timeouts, Transport, Trust,
};
use gw_model::{CustomerId, DirectoryId, DirectoryKind, ObjectKind};
use gw_store::{DirectoryRecord, JobRecord, Lane, ObjectCounts, Tx};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, net::IpAddr};

/// How an AD domain is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdConnection {
    /// DNS name of a domain controller.
    pub host: String,
    /// Connect to this address instead of what the name resolves to.
    #[serde(default)]
    pub address: Option<IpAddr>,
    /// TCP port.
    pub port: u16,
    /// How TLS starts.
    pub transport: Transport,
    /// Which certificates are believed.
    pub trust: Trust,
    /// Who signs in.
    pub account: String,
    /// Where to read from; empty means the whole domain.
    #[serde(default)]
    pub base_dn: String,
    /// Attributes to import besides those that every import reads.
    #[serde(default)]
    pub extra_attributes: Vec<String>,
}

impl AdConnection {
    pub(crate) fn settings(&self, password: Secret) -> ConnectionSettings {
        self.settings_as(&self.account, password)
    }

    /// The same place, signed in as somebody else.
    pub(crate) fn settings_as(&self, account: &str, password: Secret) -> ConnectionSettings {
        let base_dn = self.base_dn.trim();
        ConnectionSettings {
            host: self.host.trim().to_owned(),
            address: self.address,
            port: self.port,
            transport: self.transport,
            trust: self.trust.clone(),
            base_dn: (!base_dn.is_empty()).then(|| base_dn.to_owned()),
            bind: BindAccount {
                account: account.to_owned(),
                password,
            },
            extra_attributes: self.extra_attributes.clone(),
            page_size: 1_000,
            timeouts: Timeouts::default(),
        }
    }
}

/// A directory to make or change.
#[derive(Debug, Clone)]
pub struct DirectoryDraft {
    /// Its name.
    pub name: String,
    /// How it is reached.
    pub connection: AdConnection,
    /// The password of `account`; none keeps the stored one.
    pub password: Option<String>,
}

/// A directory as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DirectoryView {
    /// The row; `revision` is the ETag.
    pub directory: DirectoryRecord,
    /// How it is reached.
    pub connection: AdConnection,
    /// A password is stored.
    pub has_secret: bool,
    /// What is imported.
    pub counts: ObjectCounts,
    /// The newest import.
    pub last_import: Option<JobRecord>,
}

/// An attribute that objects of a directory have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AttributeInfo {
    /// LDAP name.
    pub name: String,
    /// Every import reads it; others are asked for by configuration.
    pub always: bool,
}

/// A directory was refused.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// No such directory.
    #[error("there is no such directory")]
    NotFound,
    /// The name cannot be used.
    #[error("a directory's name has 1 to 100 characters")]
    Name,
    /// The name is taken.
    #[error("there is a directory `{name}` already; choose another name")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A setting is missing or cannot be used.
    #[error("{problem}")]
    Setting {
        /// Which.
        field: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The stored password would go elsewhere.
    #[error(
        "enter the password again: host, port or account changed, and the stored one is not sent elsewhere"
    )]
    PasswordNeeded,
    /// Changed meanwhile.
    #[error("the directory was changed meanwhile; read it again")]
    Stale,
    /// Something uses it.
    #[error("the directory is used by {}; remove them first", users.join(", "))]
    InUse {
        /// Their names.
        users: Vec<String>,
    },
    /// No implementation.
    #[error("directories of this kind cannot be reached yet")]
    Kind,
    /// Our fault.
    #[error(transparent)]
    Inner(#[from] Internal),
}

refused!(DirectoryError {
    Self::NotFound => NotFound, "directory_not_found";
    Self::Name => Invalid, "name_length", "name";
    Self::NameTaken { .. } => Conflict, "name_taken", "name";
    Self::Setting { .. } => Invalid, "setting_unusable", "connection";
    Self::PasswordNeeded => Invalid, "password_needed", "password";
    Self::Stale => Stale, "stale";
    Self::InUse { .. } => Conflict, "directory_in_use";
    Self::Kind => Invalid, "kind_unavailable", "connection";
});

pub(crate) fn directory_context(id: DirectoryId) -> String {
    format!("directory {id} password")
}

pub(crate) fn connection_of(record: &DirectoryRecord) -> Result<AdConnection, serde_json::Error> {
    serde_json::from_str(&record.settings)
}

impl Services {
    /// Makes a directory.
    ///
    /// # Errors
    /// A field cannot be used, or the name is taken.
    pub async fn create_directory(
        &self,
        actor: &Actor,
        customer: CustomerId,
        draft: DirectoryDraft,
    ) -> Result<DirectoryView, DirectoryError> {
        check(&draft)?;
        let id: DirectoryId = self.id();
        let password = draft.password.as_deref().filter(|text| !text.is_empty());
        let password = password.ok_or(DirectoryError::PasswordNeeded)?;
        let record = DirectoryRecord {
            id,
            customer,
            name: draft.name.trim().to_owned(),
            kind: DirectoryKind::ActiveDirectory,
            domain: String::new(),
            settings: serde_json::to_string(&draft.connection)?,
            sealed_secret: Some(self.seal(&directory_context(id), password.as_bytes())?),
            generation: 0,
            imported_at: None,
            revision: 1,
            created_at: self.now(),
        };
        let detail = format!(
            "made directory {} at {}",
            record.name, draft.connection.host
        );
        let row = self.audit_row(actor, Some(customer), "directory.create", id, detail);
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                if !tx.add_directory(&record).await? {
                    return Err(DirectoryError::NameTaken {
                        name: record.name.clone(),
                    });
                }
                tx.add_audit(&row).await?;
                Ok(())
            })
            .await?;
        self.directory(customer, id).await
    }

    /// Changes a directory.
    ///
    /// # Errors
    /// As for making one; or it was changed meanwhile, or the password is asked for again.
    pub async fn update_directory(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: DirectoryId,
        if_match: i64,
        draft: DirectoryDraft,
    ) -> Result<DirectoryView, DirectoryError> {
        check(&draft)?;
        let held = self.directory_record(customer, id).await?;
        let before = connection_of(&held)?;
        let new = draft.password.as_deref().filter(|text| !text.is_empty());
        let elsewhere = before.host != draft.connection.host
            || before.port != draft.connection.port
            || before.address != draft.connection.address
            || before.trust != draft.connection.trust
            || before.account != draft.connection.account;
        let sealed_secret = match new {
            Some(password) => Some(self.seal(&directory_context(id), password.as_bytes())?),
            None if elsewhere => return Err(DirectoryError::PasswordNeeded),
            None => held.sealed_secret.clone(),
        };
        let record = DirectoryRecord {
            name: draft.name.trim().to_owned(),
            settings: serde_json::to_string(&draft.connection)?,
            // Another host may be another domain; the next test or import tells.
            domain: if before.host == draft.connection.host {
                held.domain
            } else {
                String::new()
            },
            sealed_secret,
            ..held
        };
        let row = self.audit_row(
            actor,
            Some(customer),
            "directory.save",
            id,
            format!("changed directory {}", record.name),
        );
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                if tx.directory_name_taken(customer, &record.name, id).await? {
                    return Err(DirectoryError::NameTaken {
                        name: record.name.clone(),
                    });
                }
                if !tx.update_directory(&record, if_match).await? {
                    return Err(DirectoryError::Stale);
                }
                tx.add_audit(&row).await?;
                Ok(())
            })
            .await?;
        self.directory(customer, id).await
    }

    /// All directories by name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn directories(
        &self,
        customer: CustomerId,
    ) -> Result<Vec<DirectoryView>, DirectoryError> {
        let records = self.store.read().await?.directories(customer).await?;
        let mut views = Vec::new();
        for record in records {
            views.push(self.directory_view(record).await?);
        }
        Ok(views)
    }

    /// One directory.
    ///
    /// # Errors
    /// There is none.
    pub async fn directory(
        &self,
        customer: CustomerId,
        id: DirectoryId,
    ) -> Result<DirectoryView, DirectoryError> {
        let record = self.directory_record(customer, id).await?;
        self.directory_view(record).await
    }

    async fn directory_view(
        &self,
        record: DirectoryRecord,
    ) -> Result<DirectoryView, DirectoryError> {
        let mut tx = self.store.read().await?;
        Ok(DirectoryView {
            connection: connection_of(&record)?,
            has_secret: record.sealed_secret.is_some(),
            counts: tx.object_counts(record.id).await?,
            last_import: tx
                .last_job_of(record.customer, &record.id.to_string())
                .await?,
            directory: record,
        })
    }

    pub(crate) async fn directory_record(
        &self,
        customer: CustomerId,
        id: DirectoryId,
    ) -> Result<DirectoryRecord, DirectoryError> {
        let held = self.store.read().await?.directory(customer, id).await?;
        held.ok_or(DirectoryError::NotFound)
    }

    /// The connection with its password, to hand to a connector.
    pub(crate) fn unsealed_settings(
        &self,
        record: &DirectoryRecord,
    ) -> Result<ConnectionSettings, Internal> {
        let connection = connection_of(record)?;
        let password = self.directory_password(record)?;
        Ok(connection.settings(password))
    }

    pub(crate) fn directory_password(&self, record: &DirectoryRecord) -> Result<Secret, Internal> {
        let sealed = record.sealed_secret.as_deref().unwrap_or_default();
        let plain = self.sealer.open(&directory_context(record.id), sealed)?;
        Ok(Secret::new(String::from_utf8_lossy(&plain).into_owned()))
    }

    /// Removes a directory with what was imported from it.
    ///
    /// # Errors
    /// There is none, a profile or batch uses it, or it was changed meanwhile.
    pub async fn delete_directory(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: DirectoryId,
        if_match: i64,
    ) -> Result<(), DirectoryError> {
        let row = self.audit_row(
            actor,
            Some(customer),
            "directory.delete",
            id,
            "removed a directory",
        );
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let held = tx
                    .directory(customer, id)
                    .await?
                    .ok_or(DirectoryError::NotFound)?;
                if held.revision != if_match {
                    return Err(DirectoryError::Stale);
                }
                let users = tx.directory_users(id).await?;
                if !users.is_empty() {
                    return Err(DirectoryError::InUse { users });
                }
                tx.remove_directory(customer, id).await?;
                tx.add_audit(&row).await?;
                Ok(())
            })
            .await
    }

    /// Tests a stored connection: name, port, TLS, credentials, base DN, rights. Learns the
    /// domain's name for licences.
    ///
    /// # Errors
    /// There is no such directory; a failed test is not an error.
    pub async fn test_directory(
        &self,
        customer: CustomerId,
        id: DirectoryId,
    ) -> Result<ConnectionReport, DirectoryError> {
        let record = self.directory_record(customer, id).await?;
        let settings = self.unsealed_settings(&record)?;
        let reader = self
            .connectors
            .reader(record.kind)
            .ok_or(DirectoryError::Kind)?;
        let report = reader.test_connection(&settings).await;
        if let Some(facts) = &report.facts {
            self.learn_domain(&record, &facts.dns_name).await?;
        }
        Ok(report)
    }

    /// Tests a connection that is not stored, or not stored like this yet.
    ///
    /// # Errors
    /// A field cannot be used, or the password is missing.
    pub async fn test_directory_draft(
        &self,
        customer: CustomerId,
        id: Option<DirectoryId>,
        draft: DirectoryDraft,
    ) -> Result<ConnectionReport, DirectoryError> {
        check(&draft)?;
        let password = match (&draft.password, id) {
            (Some(password), _) if !password.is_empty() => Secret::new(password.clone()),
            (_, Some(id)) => {
                let record = self.directory_record(customer, id).await?;
                let held = connection_of(&record)?;
                let same = AdConnection {
                    base_dn: String::new(),
                    extra_attributes: vec![],
                    ..held
                };
                let asked = AdConnection {
                    base_dn: String::new(),
                    extra_attributes: vec![],
                    ..draft.connection.clone()
                };
                if same != asked {
                    return Err(DirectoryError::PasswordNeeded);
                }
                self.directory_password(&record)?
            }
            _ => return Err(DirectoryError::PasswordNeeded),
        };
        let reader = self
            .connectors
            .reader(DirectoryKind::ActiveDirectory)
            .ok_or(DirectoryError::Kind)?;
        Ok(reader
            .test_connection(&draft.connection.settings(password))
            .await)
    }

    pub(crate) async fn learn_domain(
        &self,
        record: &DirectoryRecord,
        domain: &str,
    ) -> Result<(), Internal> {
        if record.domain == domain {
            return Ok(());
        }
        let (id, domain) = (record.id, domain.to_owned());
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.set_directory_domain(id, &domain).await
            })
            .await?;
        Ok(())
    }

    /// The attributes that objects of a directory have, for choosing what to match on: those that
    /// every import reads, those that are asked for, and those seen on imported users.
    ///
    /// # Errors
    /// There is no such directory.
    pub async fn directory_attributes(
        &self,
        customer: CustomerId,
        id: DirectoryId,
    ) -> Result<Vec<AttributeInfo>, DirectoryError> {
        const ALWAYS: [&str; 7] = [
            "sAMAccountName",
            "userPrincipalName",
            "mail",
            "displayName",
            "distinguishedName",
            "dNSHostName",
            "operatingSystem",
        ];
        let record = self.directory_record(customer, id).await?;
        let mut found: BTreeSet<AttributeInfo> = ALWAYS
            .iter()
            .map(|name| AttributeInfo {
                name: (*name).to_owned(),
                always: true,
            })
            .collect();
        let asked = connection_of(&record)?.extra_attributes;
        let sample = self
            .store
            .read()
            .await?
            .objects(id, Some(ObjectKind::User), None, None, 200)
            .await?;
        let seen = sample
            .into_iter()
            .flat_map(|object| object.attributes.into_keys());
        for name in asked.into_iter().chain(seen) {
            if !found
                .iter()
                .any(|held| held.name.eq_ignore_ascii_case(&name))
            {
                found.insert(AttributeInfo {
                    name,
                    always: false,
                });
            }
        }
        Ok(found.into_iter().collect())
    }
}

fn check(draft: &DirectoryDraft) -> Result<(), DirectoryError> {
    let setting = |field, problem: &str| {
        Err(DirectoryError::Setting {
            field,
            problem: problem.to_owned(),
        })
    };
    if !name_is_usable(&draft.name) {
        return Err(DirectoryError::Name);
    }
    let connection = &draft.connection;
    if connection.host.trim().is_empty() || connection.host.contains(['/', ' ', '@']) {
        return setting(
            "host",
            "give the DNS name of a domain controller, such as dc1.source.test",
        );
    }
    if connection.port == 0 {
        return setting("port", "give the port: 636 for LDAPS, 389 for StartTLS");
    }
    if connection.account.trim().is_empty() {
        return setting(
            "account",
            "name the account that reads: user@domain, DOMAIN\\user or a distinguished name",
        );
    }
    if let Trust::Pin { sha256 } = &connection.trust
        && let Err(error) = Trust::pin_bytes(sha256)
    {
        return setting("trust", &error.to_string());
    }
    for name in &connection.extra_attributes {
        if name.is_empty()
            || !name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b';')
        {
            return setting(
                "extra_attributes",
                &format!("`{name}` is not the name of an LDAP attribute"),
            );
        }
    }
    Ok(())
}
