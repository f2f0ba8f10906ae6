//! The engine's journal.
//!
//! Input: one byte, then with 0 the file as it is; else lines, each the JSON of one record, which
//! are framed, numbered and chained here, so that what lies behind the checksums is reached.

use crate::{Target, leave_alone};
use gw_engine::journal::{MAGIC, read_frames, tail};
use gw_platform::Crc32;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) const TARGET: Target = Target {
    name: "journal",
    seeds,
    repair: leave_alone,
    run,
};

fn run(data: &[u8]) {
    let bytes = match data.split_first() {
        Some((0, rest)) => rest.to_vec(),
        Some((_, rest)) => framed(rest),
        None => return,
    };
    let tailed = tail(&bytes, 0);
    let _ = tail(&bytes, 1);
    if let Ok(frames) = read_frames(&bytes) {
        assert!(frames.good_bytes <= bytes.len() as u64);
        let whole = &bytes[..frames.good_bytes as usize];
        let again = read_frames(whole).expect("whole records are read again");
        assert_eq!(again, frames, "a cut journal reads differently");
        // Both readers look at the same bytes; only one of them looks at the chain.
        if let Ok(tailed) = tailed {
            assert!(tailed.next <= bytes.len() as u64);
            assert!(tailed.records.starts_with(&frames.records));
        }
    }
}

fn framed(lines: &[u8]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    let mut prev = String::new();
    for (n, line) in lines.split(|byte| *byte == b'\n').enumerate() {
        let payload = match serde_json::from_slice::<Value>(line) {
            Ok(Value::Object(mut record)) => {
                record.insert("n".into(), json!(n));
                record.insert("prev".into(), json!(prev));
                serde_json::to_vec(&record).unwrap_or_default()
            }
            _ => line.to_vec(),
        };
        out.extend((payload.len() as u32).to_le_bytes());
        out.extend(Crc32::of(&payload).to_le_bytes());
        prev = hex::encode(Sha256::digest(&payload));
        out.extend(payload);
    }
    out
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let at = "2026-11-22T12:00:00Z";
    let events = [
        json!({"event": "opened", "v": 1, "run_id": format!("run_{}", "01".repeat(16)), "kind": "run", "order_sha256": "00"}),
        json!({"event": "started", "attempt": 1, "boot_id": "b"}),
        json!({"event": "progress", "seq": 1, "direction": "forward", "cursor": 5, "total": 9}),
        json!({"event": "going_back", "because": "asked", "requested": true}),
        json!({"event": "reboot_wanted", "boot_id": "b"}),
        json!({"event": "stopped"}),
    ];
    let lines: Vec<String> = events
        .into_iter()
        .map(|mut event| {
            event["at"] = json!(at);
            event["n"] = json!(0);
            event["prev"] = json!("");
            event.to_string()
        })
        .collect();
    let text = lines.join("\n");
    let file = framed(text.as_bytes());
    let read = read_frames(&file)?;
    anyhow::ensure!(read.records.len() == lines.len(), "a seed is not read");
    Ok(vec![
        [&[1][..], text.as_bytes()].concat(),
        [&[0][..], &file].concat(),
    ])
}
