//! `godwit-agent volume`: look into a raw NTFS image or block device that is not mounted, and
//! translate it.
//!
//! What must stay true: looking writes nothing, and a volume that may not be believed
//! (dirty, hibernated, damaged) is refused with every reason, not reported on.

mod remap;

use super::{Failure, Outcome};
use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use gw_ntfs::{BlockRead, Census, NtfsError, ReadError, Refusal, Volume};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Work on an NTFS volume that no system has mounted.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Count the SIDs in the distinct security descriptors in use
    Sids(SidsArgs),
    /// Translate every security descriptor by a map, in place
    Remap(remap::RemapArgs),
}

/// Arguments of `volume sids`.
#[derive(Debug, Args)]
pub(crate) struct SidsArgs {
    /// Raw image or block device.
    image: PathBuf,
    /// Print on one line.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(command: &Command) -> Outcome {
    match command {
        Command::Sids(args) => list_sids(args),
        Command::Remap(args) => remap::run(args),
    }
}

fn list_sids(args: &SidsArgs) -> Outcome {
    let device = Device::open(&args.image)?;
    let volume = Volume::open(device).map_err(|error| damaged(&args.image, error))?;
    let refusals = volume
        .refusals()
        .map_err(|error| damaged(&args.image, error))?;
    refuse_doubtful(&args.image, &refusals)?;
    let census = volume
        .census()
        .map_err(|error| damaged(&args.image, error))?;
    print(&told(&census, &refusals), args.json)
}

/// What the tool answers: SIDs, what they were counted over, and what would stand in the
/// way of a change.
fn told(census: &Census, refusals: &[Refusal]) -> Value {
    let (uses, unreadable) = census.sids();
    let sids: Vec<Value> = uses
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
        .collect();
    let mut told = json!({
        "sids": sids,
        "descriptors": census.descriptors.len(),
        "files": census.files,
        "directories": census.directories,
    });
    if !unreadable.is_empty() {
        told["unreadable"] = json!(unreadable.len());
    }
    if !refusals.is_empty() {
        let reasons: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        told["not_writable"] = json!(reasons);
    }
    told
}

fn refuse_doubtful(image: &Path, refusals: &[Refusal]) -> Outcome {
    let reasons: Vec<String> = refusals
        .iter()
        .filter(|refusal| refusal.makes_reading_doubtful())
        .map(ToString::to_string)
        .collect();
    if reasons.is_empty() {
        return Ok(());
    }
    Err(Failure::Refused(anyhow!(
        "{}: {}",
        image.display(),
        reasons.join("; ")
    )))
}

/// A device that fails is a failure, a volume that does not fit is refused.
fn damaged(image: &Path, error: NtfsError) -> Failure {
    let failed = matches!(error, NtfsError::Read(_));
    let error = anyhow::Error::new(error).context(image.display().to_string());
    if failed {
        Failure::Failed(error)
    } else {
        Failure::Refused(error)
    }
}

fn print(told: &Value, one_line: bool) -> Outcome {
    let text = if one_line {
        serde_json::to_string(told)
    } else {
        serde_json::to_string_pretty(told)
    };
    println!("{}", text.context("cannot print the answer")?);
    Ok(())
}

/// An image file or block device, opened for reading only.
struct Device {
    file: File,
    size: u64,
}

impl Device {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let mut file =
            File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        // Also the size of a block device, whose metadata says 0.
        let size = file
            .seek(SeekFrom::End(0))
            .with_context(|| format!("cannot tell the size of {}", path.display()))?;
        Ok(Self { file, size })
    }

    #[cfg(unix)]
    fn fill(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, buffer, offset)
    }

    #[cfg(windows)]
    fn fill(&self, mut offset: u64, mut buffer: &mut [u8]) -> std::io::Result<()> {
        while !buffer.is_empty() {
            let read = std::os::windows::fs::FileExt::seek_read(&self.file, buffer, offset)?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            offset += read as u64;
            buffer = &mut buffer[read..];
        }
        Ok(())
    }
}

impl BlockRead for Device {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let len = buffer.len();
        self.fill(offset, buffer).map_err(|error| ReadError {
            offset,
            len,
            source: error.into(),
        })
    }
}
