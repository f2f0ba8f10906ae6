//! `bench`: the budgets, each with value, goal and peer, measured in one run.

use crate::{
    lab,
    run::{cargo, command, output, python, root, run, target_dir},
    setup, windows,
};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::{fs, path::Path};

/// One budget.
#[derive(Serialize, Deserialize, Clone)]
struct Row {
    name: String,
    value: f64,
    unit: String,
    goal: String,
    /// A program measured in the same run, or "absolute".
    peer: String,
    /// Ours against the peer's, where there is one.
    ratio: Option<f64>,
    met: bool,
    /// Why it is not met, if it is not.
    #[serde(default)]
    because: String,
}

/// Programs that measure and print rows, as JSON lines of [`Row`].
const PROGRAMS: &[(&str, &[&str])] = &[
    (
        "secdesc",
        &[
            "run",
            "--quiet",
            "--release",
            "-p",
            "gw-secdesc",
            "--example",
            "bench_translate",
        ],
    ),
    (
        "hive",
        &[
            "run",
            "--quiet",
            "--release",
            "-p",
            "gw-testkit",
            "--example",
            "bench_remap",
        ],
    ),
    (
        "match",
        &[
            "run",
            "--quiet",
            "--release",
            "-p",
            "gw-matching",
            "--example",
            "bench_match",
        ],
    ),
];

pub(crate) fn run_verb(name: Option<&str>, json: Option<&Path>) -> Result<()> {
    setup::ensure()?;
    let wanted = |row: &str| name.is_none_or(|name| row.contains(name));
    let mut rows = Vec::new();
    for (program, arguments) in PROGRAMS {
        if wanted(program) {
            rows.extend(parse(&output(&mut cargo(arguments))?)?);
        }
    }
    if [
        "ad-import-read",
        "check-ins",
        "server-start",
        "server-idle",
        "agent-idle",
    ]
    .iter()
    .any(|row| wanted(row))
    {
        run(&mut cargo(&[
            "build",
            "--quiet",
            "--release",
            "--locked",
            "-p",
            "godwit",
            "-p",
            "godwit-agent",
            "-p",
            "gw-lab",
        ]))?;
        let mut lab = command(target_dir().join("release/gw-lab"));
        lab.arg("bench")
            .arg("--bin-dir")
            .arg(target_dir().join("release"))
            .arg("--dir")
            .arg(lab::lab_dir())
            .arg("--python")
            .arg(python())
            .arg("--checkers")
            .arg(root().join("crates/dev/lab/checker"));
        if let Some(name) = name {
            lab.args(["--only", name]);
        }
        rows.extend(
            parse(&output(&mut lab)?)?
                .into_iter()
                .filter(|row| wanted(&row.name)),
        );
    }
    if wanted("volume-remap") {
        rows.extend(volume()?);
    }
    if wanted("agent-exe") {
        rows.push(agent_exe()?);
    }
    print(&rows);
    if let Some(path) = json {
        fs::write(
            path,
            serde_json::to_string_pretty(&serde_json::json!({ "rows": rows }))?,
        )?;
    }
    let unmet = rows
        .iter()
        .filter(|row| !row.met && row.because.is_empty())
        .count();
    if unmet > 0 {
        bail!("{unmet} budgets are not met and not explained");
    }
    Ok(())
}

/// The offline translation of a volume of 100,000 files, or as many as `GODWIT_BENCH_FILES` says,
/// beside a walk over the mounted one.
fn volume() -> Result<Vec<Row>> {
    run(&mut cargo(&[
        "build",
        "--quiet",
        "--release",
        "--locked",
        "-p",
        "godwit-agent",
    ]))?;
    let mut bench = command(python());
    bench
        .arg(root().join("crates/dev/lab/checker/volume_bench.py"))
        .arg("--agent")
        .arg(target_dir().join("release/godwit-agent"))
        .arg("--dir")
        .arg(lab::lab_dir().join("volumes"));
    parse(&output(&mut bench)?)
}

/// The size of the program that every device downloads.
fn agent_exe() -> Result<Row> {
    windows::build()?;
    let size = fs::metadata(windows::agent())?.len();
    let met = size <= windows::AGENT_LIMIT;
    Ok(Row {
        name: "agent-exe".into(),
        value: size as f64 / 1e6,
        unit: "MB".into(),
        goal: "<= 10 MB".into(),
        peer: "absolute".into(),
        ratio: None,
        met,
        because: if met {
            String::new()
        } else {
            "see which dependency grew".into()
        },
    })
}

fn parse(text: &str) -> Result<Vec<Row>> {
    text.lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).with_context(|| format!("not a row: {line}")))
        .collect()
}

fn print(rows: &[Row]) {
    println!(
        "{:<22} {:>14} {:<16} {:<34} {:<14} {:>6}  met",
        "budget", "value", "unit", "goal", "peer", "ratio"
    );
    for row in rows {
        let ratio = row
            .ratio
            .map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let met = if row.met { "yes" } else { "NO" };
        println!(
            "{:<22} {:>14.2} {:<16} {:<34} {:<14} {ratio:>6}  {met} {}",
            row.name, row.value, row.unit, row.goal, row.peer, row.because
        );
    }
}
