//! `godwit-agent volume remap`: translate every descriptor of a volume that is not mounted.
//!
//! What must stay true: refused input leaves the volume as it is (exit code 2); anything else
//! that ends the work is finished by giving the same command again (exit code 1).

use crate::offline::{Failure, Mode, Outcome, map};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `volume remap`.
#[derive(Debug, Args)]
pub(crate) struct RemapArgs {
    /// Raw image or block device; it is changed in place.
    image: PathBuf,
    /// CSV with the header `source_sid,target_sid`.
    #[arg(long)]
    map: PathBuf,
    /// Add the target beside the source, or put it in its place.
    #[arg(long)]
    mode: Mode,
    /// A file or folder to leave alone with all below it, from the root of the volume down:
    /// `Windows`, `Users/*/AppData/Local/Temp`, `**/node_modules`. May be repeated.
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Say what would be done, descriptor by descriptor; write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Where the redo file goes, outside the volume [default: IMAGE.godwit].
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Print the report as JSON, on one line.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
#[cfg(target_os = "linux")]
pub(crate) fn run(args: &RemapArgs) -> Outcome {
    let job = gw_platform_image::VolumeRemap {
        image: args.image.clone(),
        map: map::read(&args.map).map_err(Failure::Refused)?,
        mode: args.mode.into(),
        exclude: args.exclude.clone(),
        journal: args.journal.clone(),
    };
    let done = if args.dry_run {
        job.predict()
    } else {
        job.run()
    };
    let report = done.map_err(|error| {
        let refused = error.is_refusal();
        let error = anyhow::Error::new(error).context(args.image.display().to_string());
        if refused {
            Failure::Refused(error)
        } else {
            Failure::Failed(error)
        }
    })?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    if report.failed.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(anyhow::anyhow!(
        "{} descriptors could not be stored and their files were left alone; the report names them",
        report.failed.len()
    )))
}

#[cfg(target_os = "linux")]
fn print(report: &gw_platform_image::VolumeReport) {
    let (verb, begun) = match (report.dry_run, report.resumed) {
        (true, _) => ("would change", ""),
        (false, true) => ("changed", ", finishing what was begun earlier"),
        (false, false) => ("changed", ""),
    };
    println!(
        "{verb} {} of {} files and folders{begun}",
        report.files_changed,
        report.files + report.directories
    );
    println!(
        "of {} descriptors {} in place, {} to one that was there, {} to a new one; {} in file records",
        report.descriptors, report.patched, report.reused, report.added, report.inline
    );
    println!("{} files and folders are excluded", report.excluded);
    if report.fallback {
        println!("some had no room for a second entry: the source was replaced there");
    }
    if report.linked_across > 0 {
        println!(
            "{} files have names inside and outside the excluded areas and were left alone, first {:?}",
            report.linked_across,
            report
                .linked_across_paths
                .first()
                .map_or("", String::as_str)
        );
    }
    for one in report.unreadable.iter().chain(&report.failed) {
        println!(
            "left alone on {} files (descriptor {}): {}",
            one.files,
            one.id
                .map_or_else(|| "of its own".to_owned(), |id| id.to_string()),
            one.why
        );
    }
}

/// Says that this is done on Linux.
#[cfg(not(target_os = "linux"))]
pub(crate) fn run(args: &RemapArgs) -> Outcome {
    // Complaints about the map are the same everywhere.
    map::read(&args.map).map_err(Failure::Refused)?;
    let _: gw_secdesc::Mode = args.mode.into();
    let _ = (&args.exclude, args.dry_run, &args.journal, args.json);
    Err(Failure::Refused(anyhow::anyhow!(
        "{}: volumes are changed offline on Linux only",
        args.image.display()
    )))
}
