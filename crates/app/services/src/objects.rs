//! Imported objects, and the single object report that follows one through everything.

use crate::{Ask, Internal, Page, Services, error::refused, page::Cursor};
use gw_model::{CustomerId, DirectoryId, DirectoryObject, ObjectId, ObjectKind, fold};
use gw_store::{DeviceRecord, DirectoryRecord, MatchRecord, Membership, RunRecord};

/// Everything known about one object.
#[derive(Debug, Clone)]
pub struct ObjectReport {
    /// The object as it was imported last.
    pub object: DirectoryObject,
    /// Where it comes from.
    pub directory: DirectoryRecord,
    /// What each profile made of it, as source or as target.
    pub matches: Vec<MatchRecord>,
    /// Of a computer: the device.
    pub device: Option<DeviceRecord>,
    /// Of a computer: its batch.
    pub batch: Option<Membership>,
    /// Of a computer: its runs, oldest first.
    pub runs: Vec<RunRecord>,
}

/// An object cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// No such object, or it is gone from its directory.
    #[error("there is no such object; the last import may have found it gone")]
    NotFound,
    /// Our fault.
    #[error(transparent)]
    Inner(#[from] Internal),
}

refused!(ObjectError {
    Self::NotFound => NotFound, "object_not_found";
});

impl Services {
    /// Imported objects of a directory by account name.
    ///
    /// # Errors
    /// There is no such directory.
    pub async fn objects(
        &self,
        customer: CustomerId,
        directory: DirectoryId,
        kind: Option<ObjectKind>,
        ask: &Ask,
    ) -> Result<Page<DirectoryObject>, ObjectError> {
        let mut tx = self.store.read().await?;
        tx.directory(customer, directory)
            .await?
            .ok_or(ObjectError::NotFound)?;
        let (after, rows) = (Cursor::read(ask), ask.rows());
        let found = tx
            .objects(
                directory,
                kind,
                ask.search.as_deref(),
                after.as_ref(),
                rows + 1,
            )
            .await?;
        Ok(Page::cut(found, rows, |last| {
            Cursor::text(&fold(&last.account_name), last.id.0)
        }))
    }

    /// The single object report.
    ///
    /// # Errors
    /// There is no such object.
    pub async fn object_report(
        &self,
        customer: CustomerId,
        id: ObjectId,
    ) -> Result<ObjectReport, ObjectError> {
        let mut tx = self.store.read().await?;
        let object = tx
            .object(customer, id)
            .await?
            .ok_or(ObjectError::NotFound)?;
        let directory = tx
            .directory(customer, object.directory)
            .await?
            .ok_or(ObjectError::NotFound)?;
        let matches = tx.matches_of_object(customer, id).await?;
        let device = match object.kind {
            ObjectKind::Computer => tx.device_of_computer(object.directory, object.guid).await?,
            ObjectKind::User | ObjectKind::Group => None,
        };
        let (mut batch, mut runs) = (None, Vec::new());
        if let Some(device) = &device {
            batch = tx.membership(device.id).await?;
            runs = tx.runs_of(device.id).await?;
        }
        Ok(ObjectReport {
            object,
            directory,
            matches,
            device,
            batch,
            runs,
        })
    }
}
