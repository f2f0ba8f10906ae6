//! Sync profiles. *Match only*: they never write to a directory.

use crate::{Actor, Internal, Services, customers::name_is_usable, error::refused};
use gw_matching::SyncProfile;
use gw_model::{CustomerId, DirectoryId, ProfileId};
use gw_store::{Lane, ProfileRecord, StoreError, Tx};
use serde::Serialize;

/// A profile to make or change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileDraft {
    /// Its name.
    pub name: String,
    /// Where objects come from.
    pub source: DirectoryId,
    /// Where their counterparts are.
    pub target: DirectoryId,
    /// What is matched on which attributes.
    pub rules: SyncProfile,
}

/// A profile as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProfileView {
    /// The row; `revision` is the ETag.
    pub profile: ProfileRecord,
    /// What is matched on which attributes.
    pub rules: SyncProfile,
    /// How many source objects are matched, unmatched, ambiguous.
    pub counts: [i64; 3],
}

/// A profile was refused.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// No such profile.
    #[error("there is no such sync profile")]
    NotFound,
    /// The name cannot be used.
    #[error("a sync profile's name has 1 to 100 characters")]
    Name,
    /// The name is taken.
    #[error("there is a sync profile `{name}` already; choose another name")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A directory is not there.
    #[error("the {which} directory does not exist; choose one of this customer's")]
    Directory {
        /// `source` or `target`.
        which: &'static str,
    },
    /// Nothing would be matched.
    #[error("give at least one rule: a kind of object and the attributes that must be equal")]
    NoRules,
    /// A rule without attributes.
    #[error("a rule names the attribute of the source and the attribute of the target")]
    Rule,
    /// Changed meanwhile.
    #[error("the sync profile was changed meanwhile; read it again")]
    Stale,
    /// Our fault.
    #[error(transparent)]
    Inner(#[from] Internal),
}

refused!(ProfileError {
    Self::NotFound => NotFound, "profile_not_found";
    Self::Name => Invalid, "name_length", "name";
    Self::NameTaken { .. } => Conflict, "name_taken", "name";
    Self::Directory { .. } => Invalid, "directory_not_found", "directory";
    Self::NoRules => Invalid, "rules_missing", "rules";
    Self::Rule => Invalid, "rule_incomplete", "rules";
    Self::Stale => Stale, "stale";
});

impl Services {
    /// Makes a profile.
    ///
    /// # Errors
    /// A field cannot be used, or the name is taken.
    pub async fn create_profile(
        &self,
        actor: &Actor,
        customer: CustomerId,
        draft: ProfileDraft,
    ) -> Result<ProfileView, ProfileError> {
        let record = self.profile_draft(customer, self.id(), &draft)?;
        let row = self.audit_row(
            actor,
            Some(customer),
            "profile.create",
            record.id,
            format!("made sync profile {}", record.name),
        );
        let id = record.id;
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                check_directories(tx, &record).await?;
                if !tx.add_profile(&record).await? {
                    return Err(ProfileError::NameTaken {
                        name: record.name.clone(),
                    });
                }
                tx.add_audit(&row).await?;
                Ok(())
            })
            .await?;
        self.profile(customer, id).await
    }

    /// Changes a profile; the next sync applies it.
    ///
    /// # Errors
    /// As for making one; or it was changed meanwhile.
    pub async fn update_profile(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: ProfileId,
        if_match: i64,
        draft: ProfileDraft,
    ) -> Result<ProfileView, ProfileError> {
        let record = self.profile_draft(customer, id, &draft)?;
        let row = self.audit_row(
            actor,
            Some(customer),
            "profile.save",
            id,
            format!("changed sync profile {}", record.name),
        );
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.profile(customer, id)
                    .await?
                    .ok_or(ProfileError::NotFound)?;
                check_directories(tx, &record).await?;
                if tx.profile_name_taken(customer, &record.name, id).await? {
                    return Err(ProfileError::NameTaken {
                        name: record.name.clone(),
                    });
                }
                if !tx.update_profile(&record, if_match).await? {
                    return Err(ProfileError::Stale);
                }
                tx.add_audit(&row).await?;
                Ok(())
            })
            .await?;
        self.profile(customer, id).await
    }

    /// All profiles by name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn profiles(&self, customer: CustomerId) -> Result<Vec<ProfileView>, ProfileError> {
        let mut tx = self.store.read().await?;
        let mut views = Vec::new();
        for record in tx.profiles(customer).await? {
            views.push(view(&mut tx, record).await?);
        }
        Ok(views)
    }

    /// One profile.
    ///
    /// # Errors
    /// There is none.
    pub async fn profile(
        &self,
        customer: CustomerId,
        id: ProfileId,
    ) -> Result<ProfileView, ProfileError> {
        let mut tx = self.store.read().await?;
        let record = tx
            .profile(customer, id)
            .await?
            .ok_or(ProfileError::NotFound)?;
        view(&mut tx, record).await
    }

    /// Removes a profile; its pairs leave the Translation Table.
    ///
    /// # Errors
    /// There is none, or it was changed meanwhile.
    pub async fn delete_profile(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: ProfileId,
        if_match: i64,
    ) -> Result<(), ProfileError> {
        let row = self.audit_row(
            actor,
            Some(customer),
            "profile.delete",
            id,
            "removed a sync profile",
        );
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let held = tx
                    .profile(customer, id)
                    .await?
                    .ok_or(ProfileError::NotFound)?;
                if held.revision != if_match {
                    return Err(ProfileError::Stale);
                }
                tx.remove_profile(customer, id).await?;
                tx.add_audit(&row).await?;
                Ok(())
            })
            .await
    }

    fn profile_draft(
        &self,
        customer: CustomerId,
        id: ProfileId,
        draft: &ProfileDraft,
    ) -> Result<ProfileRecord, ProfileError> {
        if !name_is_usable(&draft.name) {
            return Err(ProfileError::Name);
        }
        if draft.rules.rules.is_empty() {
            return Err(ProfileError::NoRules);
        }
        let blank = |text: &String| text.trim().is_empty();
        if draft
            .rules
            .rules
            .values()
            .any(|rule| blank(&rule.source_attribute) || blank(&rule.target_attribute))
        {
            return Err(ProfileError::Rule);
        }
        Ok(ProfileRecord {
            id,
            customer,
            name: draft.name.trim().to_owned(),
            source: draft.source,
            target: draft.target,
            rules: serde_json::to_string(&draft.rules)?,
            generation: 0,
            basis: String::new(),
            synced_at: None,
            revision: 1,
            created_at: self.now(),
        })
    }
}

async fn check_directories(tx: &mut Tx, record: &ProfileRecord) -> Result<(), ProfileError> {
    for (id, which) in [(record.source, "source"), (record.target, "target")] {
        if tx.directory(record.customer, id).await?.is_none() {
            return Err(ProfileError::Directory { which });
        }
    }
    Ok(())
}

async fn view(tx: &mut Tx, record: ProfileRecord) -> Result<ProfileView, ProfileError> {
    Ok(ProfileView {
        rules: serde_json::from_str(&record.rules)?,
        counts: counts(tx, record.customer, Some(record.id)).await?,
        profile: record,
    })
}

/// Matched, unmatched, ambiguous.
pub(crate) async fn counts(
    tx: &mut Tx,
    customer: CustomerId,
    profile: Option<ProfileId>,
) -> Result<[i64; 3], StoreError> {
    Ok(tx.match_counts(customer, profile).await?.map(|(_, n)| n))
}
