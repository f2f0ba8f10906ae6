//! The proof of the engine's transaction, as `cargo xtask test engine-matrix`
//! and `cargo xtask test chaos` call it.
//!
//! `chaos matrix` · `chaos storm RUNS SEED` · `chaos planted SEEDS SEED`

use std::process::ExitCode;
use std::time::Instant;

use gw_testkit::chaos::{Flow, Kind, Name, matrix, planted, storms};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| -> u64 {
        arguments
            .get(at)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    };
    let good = match arguments.first().map(String::as_str) {
        Some("matrix") => engine_matrix(),
        Some("storm") => storm(number(1), number(2)),
        Some("planted") => defects(number(1), number(2)),
        _ => {
            eprintln!("chaos matrix | storm RUNS SEED | planted SEEDS SEED");
            false
        }
    };
    match good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn engine_matrix() -> bool {
    println!(
        "flow               name  steps  changes  records  restarts  boundaries   runs  different"
    );
    let mut good = true;
    let all = Flow::ALL.map(|flow| (flow, Name::Kept));
    for (flow, name) in all.into_iter().chain([(Flow::AdToAd, Name::New)]) {
        match matrix(flow, name, 1) {
            Ok(row) => {
                println!(
                    "{:<18} {:<4}  {:>5}  {:>7}  {:>7}  {:>8}  {:>10}  {:>5}  {:>9}",
                    flow.name(),
                    format!("{:?}", row.name).to_lowercase(),
                    row.steps,
                    row.changes,
                    row.records,
                    row.restarts,
                    row.boundaries,
                    row.runs,
                    row.differences.len()
                );
                for different in row.differences.iter().take(10) {
                    println!("  {different}");
                }
                good &= row.differences.is_empty() && row.boundaries > row.steps + row.changes;
            }
            Err(error) => {
                println!("{error}");
                good = false;
            }
        }
    }
    good
}

fn storm(runs: u64, seed: u64) -> bool {
    let began = Instant::now();
    let tally = storms(seed, runs);
    println!(
        "{} runs, {} starts of the engine, {:.1} s; seeds {seed} to {}",
        tally.runs,
        tally.starts,
        began.elapsed().as_secs_f64(),
        seed + runs.saturating_sub(1)
    );
    let mut good = true;
    println!("weather: runs in which it struck");
    for kind in Kind::ALL {
        let struck = tally.fired.get(&kind).copied().unwrap_or(0);
        println!("  {:<14} {struck:>7}", format!("{kind:?}"));
        // 10,000 runs must see each kind more than 100 times.
        good &= struck * 100 > runs || runs < 1000;
    }
    println!("ends");
    for end in ["migrated", "restored", "returned", "held"] {
        let count = tally.ends.get(end).copied().unwrap_or(0);
        let percent = count as f64 * 100.0 / runs.max(1) as f64;
        println!("  {end:<14} {count:>7}  {percent:>5.1} %");
        good &= percent > 5.0;
    }
    println!("flows");
    for (flow, count) in &tally.by_flow {
        println!("  {flow:<18} {count:>5}");
    }
    println!("stranded {}", tally.stranded.len());
    println!("lost or wrong {}", tally.wrong.len());
    for line in tally.stranded.iter().chain(&tally.wrong).take(20) {
        println!("  {line}");
    }
    good && tally.stranded.is_empty() && tally.wrong.is_empty()
}

fn defects(seeds: u64, seed: u64) -> bool {
    let mut good = true;
    println!("planted mistake    caught by run");
    for caught in planted(seed, seeds) {
        let name = format!("{:?}", caught.flaw);
        match caught.by {
            Some((run, found)) => {
                let found: String = found.chars().take(140).collect();
                println!("  {name:<16} {run:>5}  {found}");
            }
            None => {
                println!("  {name:<16}  none of {seeds}");
                good = false;
            }
        }
    }
    good
}
