//! `gw-lab`: the parts of the lab, one subcommand each.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use gw_lab::image::{ImageSpec, Language, build_device, lab_dir};

#[derive(Parser)]
#[command(name = "gw-lab", about = "Parts of the Godwit lab")]
struct Arguments {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Build a device image
    Image(ImageArguments),
}

#[derive(clap::Args)]
struct ImageArguments {
    /// Folder of the device
    #[arg(long)]
    dir: PathBuf,
    /// Number of files
    #[arg(long, default_value_t = 20_000)]
    files: u32,
    /// Language of the Windows on it: en or de
    #[arg(long, default_value = "en")]
    lang: Language,
    /// Specification as JSON; replaces --files and --lang
    #[arg(long)]
    spec: Option<PathBuf>,
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Verb::Image(arguments) => image(&arguments),
    }
}

fn image(arguments: &ImageArguments) -> Result<()> {
    let spec = match &arguments.spec {
        Some(path) => {
            let text = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
            serde_json::from_slice(&text).with_context(|| format!("{} is no image specification", path.display()))?
        }
        None => ImageSpec::sample(arguments.files, arguments.lang),
    };
    let built = build_device(&spec, &arguments.dir, &lab_dir())?;
    println!("{}", serde_json::to_string_pretty(&built)?);
    Ok(())
}
