//! A batch's list as CSV. An import stores nothing unless every line is good.

use crate::{
    Actor, BatchError, Internal, Services,
    batches::{IfElsewhere, put_on_list},
    translations::defused,
};
use gw_model::{BatchId, CustomerId, DeviceId};
use gw_store::{After, Lane, Tx};
use serde::Serialize;

/// Lines with mistakes that are told at most.
const TOLD: usize = 1_000;
/// Names under which the column with computers is recognised.
const COLUMNS: [&str; 6] = [
    "computer",
    "computername",
    "computer_name",
    "name",
    "device",
    "serial",
];

/// What an import did, or would do once its errors are mended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CsvImport {
    /// Lines with data.
    pub lines: u64,
    /// Devices that were put on the list; 0 if there are errors.
    pub added: i64,
    /// Devices that were on it already.
    pub unchanged: i64,
    /// What is wrong, by line.
    pub errors: Vec<CsvLineError>,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CsvLineError {
    /// In the file; the header is line 1.
    pub line: u64,
    /// The text at fault.
    pub value: String,
    /// Stable word.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

/// One cell that names a device.
pub(crate) struct Named {
    pub(crate) line: u64,
    pub(crate) value: String,
}

impl Services {
    /// Puts the devices of a CSV file on a batch's list. The column `computer` (or `name`,
    /// `device`, `serial`; else the first) holds names, with or without `$`, or serial numbers.
    ///
    /// # Errors
    /// The file is not CSV in UTF-8, or there is no such batch. Mistakes in lines are no errors.
    pub async fn import_batch_csv(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: BatchId,
        file: &[u8],
        elsewhere: IfElsewhere,
    ) -> Result<CsvImport, BatchError> {
        let named = read_names(file)?;
        let row = self.audit_row(
            actor,
            Some(customer),
            "batch.import",
            id,
            format!("imported a CSV file of {} lines", named.len()),
        );
        let imported = self
            .store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let batch = tx.batch(customer, id).await?.ok_or(BatchError::NotFound)?;
                let mut done = CsvImport {
                    lines: named.len() as u64,
                    ..CsvImport::default()
                };
                let mut devices: Vec<(u64, &str, DeviceId)> = Vec::new();
                for one in &named {
                    match find(tx, customer, one).await? {
                        Ok(device) => devices.push((one.line, one.value.as_str(), device)),
                        Err(error) => done.errors.push(error),
                    }
                }
                for (line, value, device) in devices {
                    match put_on_list(tx, &batch, device, elsewhere).await {
                        Ok(true) => done.added += 1,
                        Ok(false) => done.unchanged += 1,
                        Err(BatchError::Inner(error)) => {
                            return Err(Attempt::Failed(BatchError::Inner(error)));
                        }
                        Err(error) => done.errors.push(line_error(line, value, &error)),
                    }
                }
                if !done.errors.is_empty() {
                    done.errors.sort_by_key(|error| error.line);
                    done.errors.truncate(TOLD);
                    done.added = 0;
                    // Leaving by an error undoes what the good lines did.
                    return Err(Attempt::Mistakes(done));
                }
                if done.added > 0 {
                    tx.touch_batch(id).await?;
                }
                tx.add_audit(&row).await?;
                Ok(done)
            })
            .await;
        self.agents.forget_devices();
        match imported {
            Ok(done) | Err(Attempt::Mistakes(done)) => Ok(done),
            Err(Attempt::Failed(error)) => Err(error),
        }
    }

    /// A batch's list as CSV: computer, serial, trusted. It can be imported again.
    ///
    /// # Errors
    /// There is no such batch.
    pub async fn export_batch_csv(
        &self,
        customer: CustomerId,
        id: BatchId,
    ) -> Result<String, BatchError> {
        let mut tx = self.store.read().await?;
        let batch = tx.batch(customer, id).await?.ok_or(BatchError::NotFound)?;
        let mut csv = csv::Writer::from_writer(Vec::new());
        let io = |error: csv::Error| BatchError::Inner(Internal(Box::new(error)));
        csv.write_record(["computer", "serial", "trusted"])
            .map_err(io)?;
        let mut after: Option<After> = None;
        loop {
            let page = tx.batch_list(&batch, None, after.as_ref(), 1_000).await?;
            let Some(last) = page.last() else { break };
            after = Some(After {
                key: gw_model::fold(&last.name),
                id: last.device.0,
            });
            for member in &page {
                let serial = member.serial.as_deref().unwrap_or_default();
                let trusted = if member.trusted { "yes" } else { "no" };
                csv.write_record([defused(&member.name), defused(serial), trusted.to_owned()])
                    .map_err(io)?;
            }
        }
        let bytes = csv
            .into_inner()
            .map_err(|error| Internal(error.to_string().into()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// How an import left its transaction.
enum Attempt {
    Mistakes(CsvImport),
    Failed(BatchError),
}

impl From<BatchError> for Attempt {
    fn from(error: BatchError) -> Self {
        Self::Failed(error)
    }
}
impl From<gw_store::StoreError> for Attempt {
    fn from(error: gw_store::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

fn line_error(line: u64, value: &str, error: &BatchError) -> CsvLineError {
    CsvLineError {
        line,
        value: value.to_owned(),
        code: crate::Refused::code(error),
        message: error.to_string(),
    }
}

/// The cells that name devices, empty lines left out.
pub(crate) fn read_names(file: &[u8]) -> Result<Vec<Named>, BatchError> {
    let unreadable = |because: String| BatchError::Csv { because };
    // Excel writes a byte order mark, and semicolons where the comma is the decimal sign.
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let text = std::str::from_utf8(file).map_err(|error| unreadable(error.to_string()))?;
    // The reader counts lines by `\n` and takes a `\r\n` for the next record's.
    let text = text.replace("\r\n", "\n");
    let first = text.lines().next().unwrap_or_default();
    let delimiter = if first.contains(';') && !first.contains(',') {
        b';'
    } else {
        b','
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let (mut named, mut column, mut begun) = (Vec::new(), 0, false);
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        if !begun {
            begun = true;
            let heads = || record.iter().map(|cell| cell.trim().to_lowercase());
            let found = COLUMNS
                .iter()
                .find_map(|name| heads().position(|head| head == *name));
            if let Some(found) = found {
                column = found;
                continue;
            }
        }
        let value = record.get(column).unwrap_or_default().trim();
        // An exported cell may have been defused with an apostrophe.
        let value = value.strip_prefix('\'').unwrap_or(value);
        if !value.is_empty() {
            named.push(Named {
                line,
                value: value.to_owned(),
            });
        }
    }
    Ok(named)
}

/// The one device that a cell names.
pub(crate) async fn find(
    tx: &mut Tx,
    customer: CustomerId,
    named: &Named,
) -> Result<Result<DeviceId, CsvLineError>, gw_store::StoreError> {
    let found = tx.devices_named(customer, &named.value).await?;
    let wrong = |code, message: String| {
        Ok(Err(CsvLineError {
            line: named.line,
            value: named.value.clone(),
            code,
            message,
        }))
    };
    match found.as_slice() {
        [one] => Ok(Ok(one.id)),
        [] => wrong(
            "unknown_device",
            format!(
                "no device is named `{}` and none has this serial number; import its directory, or correct the line",
                named.value
            ),
        ),
        _ => wrong(
            "ambiguous_device",
            format!(
                "several devices are named `{}` or have this serial number; add the right one in the console",
                named.value
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(file: &str) -> Vec<(u64, String)> {
        read_names(file.as_bytes())
            .unwrap()
            .into_iter()
            .map(|one| (one.line, one.value))
            .collect()
    }

    #[test]
    fn files_as_people_have_them() {
        let plain = [(1, "PC-1".to_owned()), (2, "PC-2".to_owned())];
        assert_eq!(names("PC-1\nPC-2\n"), plain);
        let headed = [(2, "PC-1".to_owned()), (4, "Müller, PC".to_owned())];
        assert_eq!(
            names("\u{feff}Owner;Computer\r\nann;PC-1\r\n;\r\nbob;\"Müller, PC\"\r\n"),
            headed
        );
        assert_eq!(names("computer,serial\n'=PC,1\n"), [(2, "=PC".to_owned())]);
        assert!(read_names(b"\xff\xfe").is_err());
    }
}
