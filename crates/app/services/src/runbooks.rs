//! Runbooks: versioned documents. The join credential's password is sealed beside the document,
//! never part of it, and never sent to a device.

use crate::{Actor, Internal, Services, customers::name_is_usable, error::refused};
use gw_model::{CustomerId, DirectoryId, RunbookId};
use gw_runbook::{Problems, ReadError, Runbook};
use gw_store::{Lane, RunbookRecord, RunbookSummary, Tx};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use std::collections::BTreeMap;
use zeroize::{Zeroize as _, Zeroizing};

/// A runbook to make, or its next version.
#[derive(Debug, Clone)]
pub struct RunbookDraft {
    /// The whole document.
    pub document: serde_json::Value,
    /// The password of the join account; none keeps the stored one.
    pub join_password: Option<String>,
    /// The password of the return account; none keeps the stored one.
    pub return_password: Option<String>,
}

/// A runbook in one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunbookView {
    /// The row; its `version` is the ETag.
    pub runbook: RunbookRecord,
    /// The document.
    pub document: Runbook,
    /// The password of the join account is stored.
    pub has_join_password: bool,
    /// The password of the return account is stored.
    pub has_return_password: bool,
    /// The newest version.
    pub newest: i64,
    /// In how many batches it is.
    pub batches: i64,
}

/// A runbook was refused.
#[derive(Debug, thiserror::Error)]
pub enum RunbookError {
    /// No such runbook, or no such version.
    #[error("there is no such runbook")]
    NotFound,
    /// The document has another shape.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The document says what cannot be done.
    #[error("{0}")]
    Problems(Problems),
    /// The name cannot be used.
    #[error("a runbook's name has 1 to 100 characters")]
    Name,
    /// The name is taken.
    #[error("there is a runbook `{name}` already; choose another name")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A directory is not there.
    #[error("directory {id} is not one of this customer's; choose another")]
    Directory {
        /// Which.
        id: DirectoryId,
    },
    /// A prerequisite is not there, or leads back to the runbook itself.
    #[error(
        "runbook {id} cannot be a prerequisite: it does not exist, or it waits for this one itself"
    )]
    Prerequisite {
        /// Which.
        id: RunbookId,
    },
    /// A batch that holds it has another source or target.
    #[error(
        "batch `{batch}` holds this runbook and has another source or target; change the batch first"
    )]
    Batch {
        /// Its name.
        batch: String,
    },
    /// Changed meanwhile.
    #[error("the runbook was changed meanwhile; read it again")]
    Stale,
    /// Something uses it.
    #[error("the runbook is used by {}; take it out of them first", users.join(", "))]
    InUse {
        /// Names of batches and runbooks.
        users: Vec<String>,
    },
    /// Our fault.
    #[error(transparent)]
    Inner(#[from] Internal),
}

refused!(RunbookError {
    Self::NotFound => NotFound, "runbook_not_found";
    Self::Read(_) => Invalid, "document_unreadable", "document";
    Self::Problems(_) => Invalid, "document_refused", "document";
    Self::Name => Invalid, "name_length", "document.general.name";
    Self::NameTaken { .. } => Conflict, "name_taken", "document.general.name";
    Self::Directory { .. } => Invalid, "directory_not_found", "document.general";
    Self::Prerequisite { .. } => Invalid, "prerequisite_unusable", "document.general.prerequisites";
    Self::Batch { .. } => Conflict, "batch_contradicts", "document.general";
    Self::Stale => Stale, "stale";
    Self::InUse { .. } => Conflict, "runbook_in_use";
});

impl RunbookError {
    /// Everything that is wrong with the document, by field path.
    #[must_use]
    pub fn problems(&self) -> Vec<(String, String)> {
        match self {
            Self::Problems(Problems(all)) => all
                .iter()
                .map(|one| (one.field.clone(), one.message.clone()))
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// The secrets of a runbook, as they are sealed together.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct RunbookSecrets {
    #[serde(default)]
    pub(crate) join: Option<String>,
    #[serde(default, rename = "return")]
    pub(crate) way_back: Option<String>,
}

impl Drop for RunbookSecrets {
    fn drop(&mut self) {
        self.join.zeroize();
        self.way_back.zeroize();
    }
}

impl Services {
    /// A document in which every field has its default.
    ///
    /// # Errors
    /// Never in practice.
    pub fn runbook_template(&self) -> Result<serde_json::Value, Internal> {
        let none = DirectoryId(uuid::Uuid::nil());
        Ok(serde_json::to_value(Runbook::new("", [].into(), none))?)
    }

    /// Makes a runbook.
    ///
    /// # Errors
    /// The document cannot be used, or the name is taken.
    pub async fn create_runbook(
        &self,
        actor: &Actor,
        customer: CustomerId,
        draft: RunbookDraft,
    ) -> Result<RunbookView, RunbookError> {
        let id: RunbookId = self.id();
        let document = read(&draft)?;
        let secrets = RunbookSecrets {
            join: draft.join_password,
            way_back: draft.return_password,
        };
        let record = self.record(actor, customer, id, 1, &document, &secrets)?;
        let row = self.audit_row(
            actor,
            Some(customer),
            "runbook.create",
            id,
            format!("made runbook {}", record.name),
        );
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                check_references(tx, customer, id, &document).await?;
                if !tx.add_runbook(&record).await? {
                    return Err(RunbookError::NameTaken {
                        name: record.name.clone(),
                    });
                }
                tx.add_audit(&row).await?;
                Ok(())
            })
            .await?;
        self.runbook(customer, id, None).await
    }

    /// Saves the next version. Orders that were handed out and have not begun are withdrawn and
    /// made again from it.
    ///
    /// # Errors
    /// As for making one; or it was changed meanwhile, or a batch that holds it contradicts.
    pub async fn update_runbook(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: RunbookId,
        if_match: i64,
        draft: RunbookDraft,
    ) -> Result<RunbookView, RunbookError> {
        let document = read(&draft)?;
        let held = self.store.read().await?.runbook(customer, id).await?;
        let held = held.ok_or(RunbookError::NotFound)?;
        let mut secrets = self.runbook_secrets(&held)?;
        if let Some(new) = draft.join_password {
            secrets.join = Some(new).filter(|text| !text.is_empty());
        }
        if let Some(new) = draft.return_password {
            secrets.way_back = Some(new).filter(|text| !text.is_empty());
        }
        let record = self.record(actor, customer, id, if_match + 1, &document, &secrets)?;
        let detail = format!(
            "saved version {} of runbook {}",
            record.version, record.name
        );
        let row = self.audit_row(actor, Some(customer), "runbook.save", id, detail);
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                check_references(tx, customer, id, &document).await?;
                for batch in tx.batches(customer).await? {
                    let holds = batch.runbooks.iter().any(|one| one.runbook == id);
                    let fits = document.general.sources.contains(&batch.source)
                        && document.general.target == batch.target;
                    if holds && !fits {
                        return Err(RunbookError::Batch { batch: batch.name });
                    }
                }
                if tx.runbook_name_taken(customer, &record.name, id).await? {
                    return Err(RunbookError::NameTaken {
                        name: record.name.clone(),
                    });
                }
                if !tx.update_runbook(&record).await? {
                    return Err(RunbookError::Stale);
                }
                for order in tx.open_orders_of_runbook(id).await? {
                    crate::agents::withdraw(tx, &order, "the runbook was changed").await?;
                }
                tx.add_audit(&row).await?;
                Ok(())
            })
            .await?;
        self.runbook(customer, id, None).await
    }

    /// All runbooks by name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn runbooks(&self, customer: CustomerId) -> Result<Vec<RunbookSummary>, Internal> {
        Ok(self.store.read().await?.runbooks(customer).await?)
    }

    /// A runbook in its newest version, or in another.
    ///
    /// # Errors
    /// There is none.
    pub async fn runbook(
        &self,
        customer: CustomerId,
        id: RunbookId,
        version: Option<i64>,
    ) -> Result<RunbookView, RunbookError> {
        let mut tx = self.store.read().await?;
        let newest = tx
            .runbook(customer, id)
            .await?
            .ok_or(RunbookError::NotFound)?;
        let batches = i64::try_from(tx.runbook_users(id).await?.len()).unwrap_or(i64::MAX);
        let secrets = self.runbook_secrets(&newest)?;
        let (number, runbook) = (
            newest.version,
            match version {
                None => newest,
                Some(version) => tx
                    .runbook_version(customer, id, version)
                    .await?
                    .ok_or(RunbookError::NotFound)?,
            },
        );
        Ok(RunbookView {
            document: gw_runbook::read(&runbook.document)?,
            has_join_password: secrets.join.is_some(),
            has_return_password: secrets.way_back.is_some(),
            newest: number,
            batches,
            runbook,
        })
    }

    /// Every version, newest first.
    ///
    /// # Errors
    /// There is no such runbook.
    pub async fn runbook_versions(
        &self,
        customer: CustomerId,
        id: RunbookId,
    ) -> Result<Vec<RunbookRecord>, RunbookError> {
        let all = self
            .store
            .read()
            .await?
            .runbook_versions(customer, id)
            .await?;
        if all.is_empty() {
            Err(RunbookError::NotFound)
        } else {
            Ok(all)
        }
    }

    /// Removes a runbook that nothing uses. Its runs stay.
    ///
    /// # Errors
    /// There is none, something uses it, or it was changed meanwhile.
    pub async fn delete_runbook(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: RunbookId,
        if_match: i64,
    ) -> Result<(), RunbookError> {
        let row = self.audit_row(
            actor,
            Some(customer),
            "runbook.delete",
            id,
            "removed a runbook",
        );
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let held = tx
                    .runbook(customer, id)
                    .await?
                    .ok_or(RunbookError::NotFound)?;
                if held.version != if_match {
                    return Err(RunbookError::Stale);
                }
                let mut users = tx.runbook_users(id).await?;
                for other in tx.runbooks(customer).await? {
                    let document = gw_runbook::read(&other.runbook.document)?;
                    if document.general.prerequisites.contains(&id) {
                        users.push(other.runbook.name);
                    }
                }
                if !users.is_empty() {
                    return Err(RunbookError::InUse { users });
                }
                for order in tx.open_orders_of_runbook(id).await? {
                    crate::agents::withdraw(tx, &order, "the runbook was removed").await?;
                }
                tx.remove_runbook(customer, id).await?;
                tx.add_audit(&row).await?;
                Ok(())
            })
            .await
    }

    fn record(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: RunbookId,
        version: i64,
        document: &Runbook,
        secrets: &RunbookSecrets,
    ) -> Result<RunbookRecord, RunbookError> {
        let text = serde_json::to_string(document)?;
        let sealed_secret = if secrets.join.is_none() && secrets.way_back.is_none() {
            None
        } else {
            let plain = Zeroizing::new(serde_json::to_vec(secrets)?);
            Some(self.seal(&runbook_context(id), &plain)?)
        };
        Ok(RunbookRecord {
            id,
            customer,
            name: document.general.name.trim().to_owned(),
            version,
            hash: hex::encode(sha2::Sha256::digest(text.as_bytes())),
            document: text,
            sealed_secret,
            saved_at: self.now(),
            saved_by: actor.name.clone(),
        })
    }

    pub(crate) fn runbook_secrets(
        &self,
        record: &RunbookRecord,
    ) -> Result<RunbookSecrets, Internal> {
        match &record.sealed_secret {
            None => Ok(RunbookSecrets::default()),
            Some(sealed) => {
                let plain = self.sealer.open(&runbook_context(record.id), sealed)?;
                Ok(serde_json::from_slice(&plain)?)
            }
        }
    }
}

fn runbook_context(id: RunbookId) -> String {
    format!("runbook {id} secrets")
}

fn read(draft: &RunbookDraft) -> Result<Runbook, RunbookError> {
    let document = gw_runbook::read(&draft.document.to_string())?;
    if !name_is_usable(&document.general.name) {
        return Err(RunbookError::Name);
    }
    document.check().map_err(RunbookError::Problems)?;
    Ok(document)
}

/// Directories and prerequisites must exist, and prerequisites must not wait for each other.
async fn check_references(
    tx: &mut Tx,
    customer: CustomerId,
    id: RunbookId,
    document: &Runbook,
) -> Result<(), RunbookError> {
    let general = &document.general;
    for directory in general.sources.iter().chain([&general.target]) {
        if tx.directory(customer, *directory).await?.is_none() {
            return Err(RunbookError::Directory { id: *directory });
        }
    }
    let mut needs: BTreeMap<RunbookId, Vec<RunbookId>> = BTreeMap::new();
    for held in tx.runbooks(customer).await? {
        let document = gw_runbook::read(&held.runbook.document)?;
        needs.insert(
            held.runbook.id,
            document.general.prerequisites.into_iter().collect(),
        );
    }
    for wanted in &general.prerequisites {
        let mut open = vec![*wanted];
        let mut seen = std::collections::BTreeSet::new();
        while let Some(next) = open.pop() {
            if next == id || !needs.contains_key(&next) {
                return Err(RunbookError::Prerequisite { id: *wanted });
            }
            if seen.insert(next) {
                open.extend(needs.get(&next).into_iter().flatten());
            }
        }
    }
    Ok(())
}
