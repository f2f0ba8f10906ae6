//! One entrance for what people hand to the server as text, for fuzzers: must answer, never panic.

use crate::{
    Ask, batch_csv,
    licences::{read_licence, verify},
    logs,
    page::Cursor,
    setup::{recovery_bytes, recovery_text},
};
use chrono::{DateTime, Utc};
use gw_model::{CustomerId, DeviceId, LicenceUse, Severity, check_licence};
use gw_store::{IssuerRecord, LogChunk};
use std::io::Write as _;

/// Reads bytes as a list of computers, a licence, a recovery key, a cursor, and a chunk of a log.
///
/// # Panics
/// When a recovery key is read as other bytes than were written.
pub fn exercise(data: &[u8]) {
    let _ = batch_csv::read_names(data);
    let text = String::from_utf8_lossy(data).into_owned();
    licence(&text);
    if let Some(key) = recovery_bytes(&text) {
        assert_eq!(recovery_bytes(&recovery_text(&key)), Some(key));
    }
    let ask = Ask {
        after: Some(text),
        ..Ask::default()
    };
    if let Some(after) = Cursor::read(&ask) {
        let _ = Cursor::text(&after.key, after.id);
    }
    // As it is stored, and as a device may have filled it.
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    let _ = packed.write_all(data);
    for body in [data.to_vec(), packed.finish().unwrap_or_default()] {
        let _ = logs::lines(&LogChunk {
            customer: CustomerId(uuid::Uuid::nil()),
            device: DeviceId(uuid::Uuid::nil()),
            run: None,
            first: 0,
            last: 0,
            first_at: DateTime::UNIX_EPOCH,
            worst: Severity::Info,
            body,
        });
    }
}

fn licence(text: &str) {
    let now = DateTime::<Utc>::UNIX_EPOCH;
    let Ok((licence, issuer)) = read_licence(text) else {
        return;
    };
    let record = IssuerRecord {
        key_id: issuer,
        name: String::new(),
        public_key: "00".repeat(32),
        trusted_at: now,
    };
    let believed = verify(text, &[record], now);
    assert!(believed.is_err(), "a licence of nobody is believed");
    let held = [1, u32::MAX].map(|used| LicenceUse {
        licence: licence.clone(),
        used,
    });
    let moment = licence.not_before;
    for (source, target) in [
        (licence.source.as_str(), licence.target.as_str()),
        (text, text),
    ] {
        let _ = check_licence(moment, licence.product, source, target, &held);
    }
}
