//! `godwit-agent hive`: list and translate the SIDs of an offline registry hive.
//!
//! What must stay true: the input file is never written, the output appears
//! whole or not at all (written beside, flushed, renamed), and an input that is
//! refused leaves nothing behind.

use super::{Failure, Mode, Outcome, map};
use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use gw_hive::{Hive, HiveError, Log, Recovery, RemapReport, SidCounts};
use gw_secdesc::Sid;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Work on a registry hive that no Windows has loaded.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Count the SIDs in the security descriptors, and those written as text
    Sids(SidsArgs),
    /// Translate every security descriptor by a map
    Remap(RemapArgs),
}

/// Arguments of `hive sids`.
#[derive(Debug, Args)]
pub(crate) struct SidsArgs {
    /// The hive.
    file: PathBuf,
    /// Its .LOG1 (or only .LOG), needed when the hive is dirty.
    #[arg(long)]
    log1: Option<PathBuf>,
    /// Its .LOG2.
    #[arg(long)]
    log2: Option<PathBuf>,
    /// Print on one line.
    #[arg(long)]
    json: bool,
}

/// Arguments of `hive remap`.
#[derive(Debug, Args)]
pub(crate) struct RemapArgs {
    /// CSV with the header `source_sid,target_sid`.
    #[arg(long)]
    map: PathBuf,
    /// Add the target beside the source, or put it in its place.
    #[arg(long)]
    mode: Mode,
    /// The .LOG1 (or only .LOG) of the hive, needed when it is dirty.
    #[arg(long)]
    log1: Option<PathBuf>,
    /// The .LOG2 of the hive.
    #[arg(long)]
    log2: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    /// The hive; it is not changed.
    input: PathBuf,
    /// Where the translated hive goes.
    output: PathBuf,
}

/// Runs the command.
pub(crate) fn run(command: &Command) -> Outcome {
    match command {
        Command::Sids(args) => list_sids(args),
        Command::Remap(args) => remap(args),
    }
}

fn list_sids(args: &SidsArgs) -> Outcome {
    let hive = open(&args.file, args.log1.as_deref(), args.log2.as_deref())?;
    let list = hive.sids().map_err(|error| refused(&args.file, error))?;
    let mut told = json!({ "sids": counts(&list.cells) });
    if hive.is_editable() {
        let text = hive
            .text_sids()
            .map_err(|error| refused(&args.file, error))?;
        told["text_sids"] = text_counts(&text);
    }
    if !list.unreadable.is_empty() {
        told["unreadable"] = json!(list.unreadable.len());
    }
    print(&told, args.json)
}

fn remap(args: &RemapArgs) -> Outcome {
    if same_file(&args.input, &args.output) {
        return Err(Failure::Refused(anyhow!(
            "{} is the input itself, which is never changed: name another output",
            args.output.display()
        )));
    }
    let map = map::read(&args.map).map_err(Failure::Refused)?;
    let mut hive = open(&args.input, args.log1.as_deref(), args.log2.as_deref())?;
    let report = hive
        .remap(&map, args.mode.into())
        .map_err(|error| refused(&args.input, error))?;
    let recovery = hive.recovery();
    write_beside(&args.output, &hive.into_bytes())?;
    if args.json {
        return print(&report_json(&report, recovery), true);
    }
    print_report(&report, recovery);
    Ok(())
}

fn open(file: &Path, log1: Option<&Path>, log2: Option<&Path>) -> Result<Hive, Failure> {
    let data = read(file)?;
    let log1 = log1.map(read).transpose()?;
    let log2 = log2.map(read).transpose()?;
    Hive::open(data, log1.as_deref(), log2.as_deref()).map_err(|error| refused(file, error))
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let len = fs::metadata(file)
        .with_context(|| format!("cannot read {}", file.display()))?
        .len();
    if len > MOST_BYTES {
        return Err(Failure::Refused(anyhow!(
            "{} has {len} bytes, a hive has at most 2 GiB",
            file.display()
        )));
    }
    Ok(fs::read(file).with_context(|| format!("cannot read {}", file.display()))?)
}

fn refused(file: &Path, error: HiveError) -> Failure {
    Failure::Refused(anyhow::Error::new(error).context(file.display().to_string()))
}

fn same_file(left: &Path, right: &Path) -> bool {
    match (fs::canonicalize(left), fs::canonicalize(right)) {
        (Ok(left), Ok(right)) => left == right,
        _ => false,
    }
}

/// Writes `bytes` beside `target`, flushes, and renames over it.
fn write_beside(target: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let name = target
        .file_name()
        .with_context(|| format!("{} names no file", target.display()))?;
    let mut beside = name.to_os_string();
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside = target.with_file_name(beside);
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written
        .and_then(|()| fs::rename(&beside, target))
        .inspect_err(|_| {
            // Nothing of ours stays behind; the first error is the one to tell.
            let _ = fs::remove_file(&beside);
        })
        .with_context(|| format!("cannot write {}", target.display()))
}

fn counts(cells: &BTreeMap<Sid, SidCounts>) -> Vec<Value> {
    cells
        .iter()
        .map(|(sid, count)| {
            json!({
                "sid": sid.to_string(),
                "owner": count.owner,
                "group": count.group,
                "dacl": count.dacl,
                "sacl": count.sacl,
            })
        })
        .collect()
}

fn text_counts(text: &BTreeMap<Sid, u64>) -> Value {
    text.iter()
        .map(|(sid, count)| json!({ "sid": sid.to_string(), "count": count }))
        .collect()
}

fn report_json(report: &RemapReport, recovery: Recovery) -> Value {
    let unreadable: Vec<Value> = report
        .unreadable
        .iter()
        .map(|one| json!({ "key": one.key, "keys": one.keys, "error": one.error.to_string() }))
        .collect();
    json!({
        "recovery": recovery_json(recovery),
        "descriptors": report.descriptors,
        "changed": report.changed,
        "moved": report.moved,
        "merged": report.merged,
        "fallback": report.fallback > 0,
        "fallback_descriptors": report.fallback,
        "keys": report.keys,
        "keys_changed": report.keys_changed,
        "unreadable": unreadable,
    })
}

fn recovery_json(recovery: Recovery) -> Value {
    let log = |log| match log {
        Log::One => "LOG1",
        Log::Two => "LOG2",
    };
    match recovery {
        Recovery::Clean => json!({ "kind": "clean" }),
        Recovery::OldLog {
            log: which,
            pages,
            base_block_rebuilt,
        } => json!({
            "kind": "old-log",
            "logs": [log(which)],
            "pages": pages,
            "base_block_rebuilt": base_block_rebuilt,
        }),
        Recovery::NewLogs {
            first,
            second_used,
            entries,
            last_sequence,
            base_block_rebuilt,
        } => {
            let mut logs = vec![log(first)];
            if second_used {
                logs.push(log(if first == Log::One {
                    Log::Two
                } else {
                    Log::One
                }));
            }
            json!({
                "kind": "new-logs",
                "logs": logs,
                "entries": entries,
                "last_sequence": last_sequence,
                "base_block_rebuilt": base_block_rebuilt,
            })
        }
    }
}

fn print_report(report: &RemapReport, recovery: Recovery) {
    if recovery != Recovery::Clean {
        println!("recovered from its logs");
    }
    println!(
        "{} of {} descriptors changed ({} moved, {} merged), {} of {} keys",
        report.changed,
        report.descriptors,
        report.moved,
        report.merged,
        report.keys_changed,
        report.keys
    );
    if report.fallback > 0 {
        println!(
            "{} descriptors had no room for a second entry: the source was replaced there",
            report.fallback
        );
    }
    for one in &report.unreadable {
        println!(
            "left alone on {} keys, first {:?}: {}",
            one.keys, one.key, one.error
        );
    }
}

fn print(value: &Value, one_line: bool) -> Outcome {
    let text = if one_line {
        serde_json::to_string(value)?
    } else {
        serde_json::to_string_pretty(value)?
    };
    println!("{text}");
    Ok(())
}

/// No hive is larger.
const MOST_BYTES: u64 = 1 << 31;
