//! Agent logs: kept as compressed chunks, read as lines, newest first.

use crate::{Ask, Internal, Page, Services, page::Cursor};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use gw_model::{CustomerId, DeviceId, RunId, Severity, fold};
use gw_store::{LogChunk, LogRecord};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
};

/// The longest chunk after unpacking, in bytes.
const CHUNK: u64 = 64 << 20;

/// Which lines to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Of this device.
    pub device: Option<DeviceId>,
    /// Of this run.
    pub run: Option<RunId>,
    /// This severity or graver.
    pub at_least: Option<Severity>,
}

/// A line with its device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// The device.
    pub device: DeviceId,
    /// Its name.
    pub device_name: String,
    /// The line.
    #[serde(flatten)]
    pub record: LogRecord,
}

/// Lines that arrived together as one chunk.
pub(crate) fn chunk(customer: CustomerId, device: DeviceId, lines: &[LogRecord]) -> LogChunk {
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
    for line in lines {
        // Writing to memory does not fail, and neither does the JSON of these records.
        let _ = serde_json::to_writer(&mut packed, line);
        let _ = packed.write_all(b"\n");
    }
    let run = lines.first().and_then(|line| line.run);
    LogChunk {
        customer,
        device,
        run: run.filter(|run| lines.iter().all(|line| line.run == Some(*run))),
        first: lines.first().map_or(0, |line| line.sequence),
        last: lines.last().map_or(0, |line| line.sequence),
        first_at: lines
            .first()
            .map_or(chrono::DateTime::UNIX_EPOCH, |line| line.at),
        worst: lines
            .iter()
            .map(|line| line.severity)
            .max()
            .unwrap_or(Severity::Info),
        body: packed.finish().unwrap_or_default(),
    }
}

/// The lines of a chunk; those that cannot be read are left out.
pub(crate) fn lines(chunk: &LogChunk) -> Vec<LogRecord> {
    let mut text = Vec::new();
    if let Err(error) = DeflateDecoder::new(chunk.body.as_slice())
        .take(CHUNK)
        .read_to_end(&mut text)
    {
        tracing::warn!(device.id = %chunk.device, error = %error, "A chunk of an agent's log is damaged");
    }
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect()
}

impl Services {
    /// Lines of agents' logs, newest first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn agent_logs(
        &self,
        customer: CustomerId,
        filter: &LogFilter,
        ask: &Ask,
    ) -> Result<Page<LogLine>, Internal> {
        let wanted = usize::try_from(ask.rows()).unwrap_or(100);
        let search: Vec<String> = ask
            .search
            .as_deref()
            .map(fold)
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let fits = |line: &LogRecord| {
            filter.run.is_none_or(|run| line.run == Some(run))
                && filter.at_least.is_none_or(|least| line.severity >= least)
                && (search.is_empty() || {
                    let text = fold(&line.text);
                    search.iter().all(|word| text.contains(word.as_str()))
                })
        };
        let start = Start::read(ask);
        let mut before = start
            .as_ref()
            .map(|start| (start.chunk_at, start.device, start.chunk_first));
        let mut found: Vec<(LogLine, Start)> = Vec::new();
        let mut names: BTreeMap<DeviceId, String> = BTreeMap::new();
        let mut tx = self.store.read().await?;
        // A run's lines are on its device.
        let mut device = filter.device;
        if let (None, Some(run)) = (device, filter.run) {
            match tx.run(customer, run).await? {
                Some(run) => device = Some(run.device),
                None => {
                    return Ok(Page {
                        items: Vec::new(),
                        next: None,
                        total: None,
                    });
                }
            }
        }
        // The chunk in which the page before ended is read again for its remaining lines.
        let mut resumed = start.filter(|start| start.line > start.chunk_first);
        while found.len() <= wanted {
            let at_least = filter.at_least;
            let chunks = match resumed.as_ref() {
                Some(start) => {
                    let just_after = Some((start.chunk_at, start.device, start.chunk_first + 1));
                    tx.logs(customer, device, None, at_least, just_after, 1)
                        .await?
                }
                None => {
                    tx.logs(customer, device, None, at_least, before, 50)
                        .await?
                }
            };
            let Some(last) = chunks.last() else { break };
            before = Some((last.first_at, last.device, last.first));
            for chunk in &chunks {
                let name = match names.get(&chunk.device) {
                    Some(name) => name.clone(),
                    None => {
                        let name = tx
                            .device(customer, chunk.device)
                            .await?
                            .map(|device| device.name)
                            .unwrap_or_default();
                        names.insert(chunk.device, name.clone());
                        name
                    }
                };
                let below = resumed.as_ref().map_or(i64::MAX, |start| start.line);
                for record in lines(chunk)
                    .into_iter()
                    .rev()
                    .filter(|line| line.sequence < below && fits(line))
                {
                    let place = Start {
                        chunk_at: chunk.first_at,
                        device: chunk.device,
                        chunk_first: chunk.first,
                        line: record.sequence,
                    };
                    found.push((
                        LogLine {
                            device: chunk.device,
                            device_name: name.clone(),
                            record,
                        },
                        place,
                    ));
                }
            }
            resumed = None;
        }
        let more = found.len() > wanted;
        found.truncate(wanted);
        let next = if more {
            found.last().map(|(_, place)| place.text())
        } else {
            None
        };
        Ok(Page {
            items: found.into_iter().map(|(line, _)| line).collect(),
            next,
            total: None,
        })
    }
}

/// Where a page ended: a line within a chunk.
struct Start {
    chunk_at: chrono::DateTime<chrono::Utc>,
    device: DeviceId,
    chunk_first: i64,
    line: i64,
}

impl Start {
    fn text(&self) -> String {
        let key = format!(
            "{}.{}.{}",
            self.chunk_at.timestamp_micros(),
            self.chunk_first,
            self.line
        );
        Cursor::text(&key, self.device.0)
    }

    fn read(ask: &Ask) -> Option<Self> {
        let after = Cursor::read(ask)?;
        let mut parts = after.key.split('.').map(str::parse::<i64>);
        let mut next = || parts.next()?.ok();
        Some(Self {
            chunk_at: chrono::DateTime::from_timestamp_micros(next()?)?,
            device: DeviceId(after.id),
            chunk_first: next()?,
            line: next()?,
        })
    }
}
