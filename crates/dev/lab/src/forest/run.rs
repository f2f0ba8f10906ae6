//! Running a program with a time limit and its words in the error.

use anyhow::{Context, Result, bail};
use std::{
    io::Write,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

/// A command, how long it may take, and what it reads.
pub struct Limited {
    /// What to run.
    pub command: Command,
    /// How long it may take.
    pub seconds: u64,
    /// What it reads from standard input; nothing if `None`.
    pub input: Option<Vec<u8>>,
}

/// What a program said.
pub struct Said {
    /// Exit status 0.
    pub ok: bool,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs it; an exit status other than 0 is an error that quotes what it said.
///
/// # Errors
/// If it cannot be started, takes too long or fails.
pub fn run(limited: Limited) -> Result<String> {
    let name = format!("{:?}", limited.command);
    let said = try_run(limited)?;
    if !said.ok {
        let words: String = format!("{}{}", said.stderr, said.stdout)
            .chars()
            .take(2000)
            .collect();
        bail!("{name} failed: {}", words.trim());
    }
    Ok(said.stdout)
}

/// Runs it and tells how it ended.
///
/// # Errors
/// If it cannot be started or takes too long; it is killed then.
pub fn try_run(limited: Limited) -> Result<Said> {
    let Limited {
        mut command,
        seconds,
        input,
    } = limited;
    let name = format!("{command:?}");
    let mut child = command
        .stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    let id = child.id();
    let writer = child.stdin.take().zip(input).map(|(mut stdin, bytes)| {
        std::thread::spawn(move || {
            // A program that does not read to the end says why itself.
            let _ = stdin.write_all(&bytes);
        })
    });
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = sender.send(child.wait_with_output());
    });
    let Ok(output) = receiver.recv_timeout(Duration::from_secs(seconds)) else {
        let _ = Command::new("kill")
            .args(["-KILL", &id.to_string()])
            .status();
        bail!("{name} took longer than {seconds} s and was killed");
    };
    let Output {
        status,
        stdout,
        stderr,
    } = output.with_context(|| format!("waiting for {name}"))?;
    if let Some(writer) = writer {
        let _ = writer.join();
    }
    Ok(Said {
        ok: status.success(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    })
}

/// Asks again and again until it is so or the time is over.
#[must_use]
pub fn wait_until(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if is_so() {
            return true;
        }
        if start.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
