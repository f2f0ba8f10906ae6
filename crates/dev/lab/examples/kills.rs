//! SIGKILL from outside, at random milliseconds of a run on a disk image: of the engine alone, or of
//! the engine with its ntfs-3g. Then the run goes on, or goes back. Whatever was hit, the volume in
//! the end must equal that of a run which nobody disturbed, or the one from before;
//! `image_check.py`, which shares no code with the product, compares them.
//!
//! The run re-permissions everything and changes no membership, so it needs no directory.

use anyhow::{Result, bail, ensure};
use clap::Parser;
use gw_lab::{
    image::{ImageSpec, Language},
    offline::{Device, Documents, Tools, differs},
};
use gw_testkit::chaos::Dice;
use std::{
    fs,
    time::{Duration, Instant},
};

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    tools: Tools,
    /// How many processes are killed
    #[arg(long, default_value_t = 200)]
    kills: u64,
    /// Seed of the milliseconds
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Files on the device
    #[arg(long, default_value_t = 500)]
    files: u32,
}

/// Most processes that are killed of one run.
const OF_ONE_RUN: u64 = 5;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let spec = ImageSpec::sample(arguments.files, Language::En);
    let tools = &arguments.tools;
    let base = tools.base(&spec)?;
    let documents = Documents::of(&spec);
    let device = |name: &str| Device::new(tools, &base, tools.dir.join(name), &documents);

    let whole = device("whole")?;
    let began = Instant::now();
    ensure!(whole.play("engine")? == "migrated", "an unbroken run fails");
    let length = began.elapsed();
    println!("an unbroken run: {} ms", length.as_millis());
    ensure!(
        differs(tools, &base.join("disk.img"), &whole.disk())?.is_some(),
        "an unbroken run changes nothing: nothing would be shown"
    );

    let mut dice = Dice::new(arguments.seed);
    let (mut kills, mut missed, mut runs) = (Hits::default(), 0, [0_u64; 2]);
    let mut wrong = Vec::new();
    while kills.all() < arguments.kills {
        let number = runs[0] + runs[1];
        let back = number % 3 == 2;
        let device = device(&format!("run-{number}"))?;
        let wanted = 1 + dice.below(OF_ONE_RUN);
        let mut told = Vec::new();
        for _ in 0..wanted.min(arguments.kills - kills.all()) {
            let after = Duration::from_millis(dice.below(length.as_millis() as u64));
            let all = dice.percent(50);
            match device.kill("engine", after, all)? {
                true => kills.count(all),
                false => missed += 1,
            }
            told.push(format!(
                "{} ms{}",
                after.as_millis(),
                if all { " (all)" } else { "" }
            ));
        }
        let (verb, end, goal) = match back {
            true => ("undo", "restored", base.join("disk.img")),
            false => ("engine", "migrated", whole.disk()),
        };
        runs[usize::from(back)] += 1;
        let ended = device.play(verb)?;
        let difference = match ended == end {
            true => differs(tools, &goal, &device.disk())?,
            false => Some(format!("it ended {ended}")),
        };
        if let Some(difference) = difference {
            wrong.push(format!(
                "run {number} ({verb}) after {}: {difference}",
                told.join(", ")
            ));
        } else {
            fs::remove_dir_all(&device.dir)?;
        }
    }
    for one in &wrong {
        println!("WRONG {one}");
    }
    println!(
        "{} processes killed ({} the engine alone, {} with ntfs-3g; {missed} had ended), \
         {} runs went on, {} went back: {} different",
        kills.all(),
        kills.alone,
        kills.together,
        runs[0],
        runs[1],
        wrong.len()
    );
    if wrong.is_empty() {
        return Ok(());
    }
    bail!(
        "{} of {} runs are different",
        wrong.len(),
        runs[0] + runs[1]
    )
}

#[derive(Default)]
struct Hits {
    alone: u64,
    together: u64,
}

impl Hits {
    fn all(&self) -> u64 {
        self.alone + self.together
    }

    fn count(&mut self, all: bool) {
        match all {
            true => self.together += 1,
            false => self.alone += 1,
        }
    }
}
