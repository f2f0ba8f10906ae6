//! `gw-lab`: the parts of the lab, one subcommand each.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use gw_lab::forest::{Forests, import_timing};
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
    /// The two Samba forests: up (fresh, left running), down, status
    Forests(ForestArguments),
    /// Play a scenario from nothing to a verdict
    Scenario(gw_lab::scenario::Options),
    /// Stop what `--keep` left running
    Down {
        /// Folder of the lab's work files
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// Time an import of a large forest beside `ldapsearch`; prints JSON
    ImportBench(BenchArguments),
    /// Measure the budgets that need a server or a directory; prints a JSON line each
    Bench(gw_lab::bench::Options),
}

#[derive(clap::Args)]
struct ForestArguments {
    action: ForestAction,
    /// Folder of the lab's work files
    #[arg(long)]
    dir: Option<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum ForestAction {
    Up,
    Down,
    Status,
}

#[derive(clap::Args)]
struct BenchArguments {
    /// Users in the forest
    #[arg(long, default_value_t = 5000)]
    users: u32,
    /// Folder of the lab's work files
    #[arg(long)]
    dir: Option<PathBuf>,
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
        Verb::Forests(arguments) => forests(&arguments),
        Verb::ImportBench(arguments) => import_bench(&arguments),
        Verb::Bench(options) => gw_lab::bench::run(&options),
        Verb::Scenario(options) => gw_lab::scenario::play(&options),
        Verb::Down { dir } => {
            gw_lab::scenario::down(&dir.unwrap_or_else(lab_dir));
            Ok(())
        }
    }
}

fn image(arguments: &ImageArguments) -> Result<()> {
    let spec = match &arguments.spec {
        Some(path) => {
            let text =
                std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
            serde_json::from_slice(&text)
                .with_context(|| format!("{} is no image specification", path.display()))?
        }
        None => ImageSpec::sample(arguments.files, arguments.lang),
    };
    let built = build_device(&spec, &arguments.dir, &lab_dir())?;
    println!("{}", serde_json::to_string_pretty(&built)?);
    Ok(())
}

fn forests(arguments: &ForestArguments) -> Result<()> {
    let dir = arguments.dir.clone().unwrap_or_else(lab_dir);
    match arguments.action {
        ForestAction::Up => {
            let mut forests = Forests::up(&dir)?;
            forests.keep();
            for side in ["source", "target"] {
                let facts = forests.facts(side)?;
                println!(
                    "{} {} {} accounts={} ldaps://{}:636 ({})",
                    side,
                    facts.netbios_name,
                    facts.domain_sid,
                    facts.accounts.len(),
                    facts.dc_host,
                    facts.address
                );
            }
            println!("ca {}", forests.ca_file().display());
            println!("krb5.conf {}", forests.kerberos_config().display());
        }
        ForestAction::Down => Forests::attach(&dir)?.down(),
        ForestAction::Status => {
            let forests = Forests::attach(&dir)?;
            for side in ["source", "target"] {
                println!(
                    "{side} {}",
                    if forests.is_running(side) {
                        "running"
                    } else {
                        "stopped"
                    }
                );
            }
        }
    }
    Ok(())
}

fn import_bench(arguments: &BenchArguments) -> Result<()> {
    let dir = arguments
        .dir
        .clone()
        .unwrap_or_else(|| lab_dir().join("import-bench"));
    let timing = import_timing(&dir, arguments.users)?;
    println!("{}", serde_json::to_string(&timing)?);
    Ok(())
}
