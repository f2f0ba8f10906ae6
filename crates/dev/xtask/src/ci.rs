//! `ci`: what `.ci/run` calls. Nothing lives only there.

use crate::{
    check,
    run::{cargo, root, run},
    setup,
};
use anyhow::{Result, bail};
use std::time::Instant;

pub(crate) fn run_verb() -> Result<()> {
    let whole = Instant::now();
    let mut parts: Vec<(&str, f64)> = Vec::new();
    let mut timed = |name: &'static str, work: &dyn Fn() -> Result<()>| -> Result<()> {
        println!("==== {name}");
        let started = Instant::now();
        let done = work();
        parts.push((name, started.elapsed().as_secs_f64() / 60.0));
        done
    };
    let here = root();
    timed("setup", &setup::run)?;
    timed("checks", &|| {
        check::run_all(&["fmt", "deps", "size", "docs", "licences", "fuzz"], &here)
    })?;
    timed("clippy", &|| check::run_all(&["clippy"], &here))?;
    timed("docs", &|| {
        run(
            cargo(&["doc", "--workspace", "--no-deps", "--locked", "--quiet"])
                .env("RUSTDOCFLAGS", "-D warnings"),
        )
    })?;
    // The command that the README names.
    timed("tests", &|| crate::test::run_verb(None))?;
    println!("\npart       minutes");
    for (name, minutes) in &parts {
        println!("{name:<10} {minutes:>7.1}");
    }
    let minutes = whole.elapsed().as_secs_f64() / 60.0;
    println!("total      {minutes:>7.1}");
    if minutes > 90.0 {
        bail!("this took longer than 90 minutes");
    }
    Ok(())
}
