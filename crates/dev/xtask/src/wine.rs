//! Wine, for running the cross-built agent: a prefix of our own, one server for the length of a
//! session, and a stand-in for the one library that Wine 8 lacks.
//!
//! A server that ends after each program would be started again for the next one, with all of
//! Wine's services: seconds instead of milliseconds, and now and then it loses the race.

use crate::run::{command, output, root, run_within, target_dir};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

const START: Duration = Duration::from_secs(120);

/// A running Wine server with its services; ends with this value.
pub(crate) struct Wine {
    server: Child,
    program: PathBuf,
    // Held until the end: two sessions would stop each other.
    _lock: fs::File,
}

impl Wine {
    /// Starts Wine for a program beside which the missing library is put.
    pub(crate) fn start(program: &Path) -> Result<Self> {
        fs::create_dir_all(target_dir())?;
        let lock = fs::File::create(target_dir().join("wine.lock"))?;
        lock.lock().context("waiting for another Wine session")?;
        build_shim(program)?;
        let ready = prefix().join("godwit-ready");
        let fresh = !ready.is_file();
        if fresh {
            println!("making a Wine prefix");
            let _ = fs::remove_dir_all(prefix());
            fs::create_dir_all(prefix())?;
        }
        let server = with_environment(command("wineserver").args(["-f", "-p"]))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting wineserver; is the package wine installed?")?;
        let wine = Self {
            server,
            program: program.to_path_buf(),
            _lock: lock,
        };
        // Wine's services hold on to the output of whoever starts them: let that be nobody.
        run_within(
            with_environment(command("wine").arg("wineboot").args(fresh.then_some("-i")))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
            START,
        )?;
        fs::write(ready, "")?;
        Ok(wine)
    }

    /// The program under Wine, without arguments yet; ended after two minutes.
    pub(crate) fn agent(&self) -> Command {
        let mut agent = command("timeout");
        agent.args(["120", "wine"]).arg(&self.program);
        agent.stdin(Stdio::null());
        with_environment(&mut agent);
        agent
    }

    /// The name by which a Windows program finds a file of ours.
    pub(crate) fn path(file: &Path) -> String {
        format!("Z:{}", file.display()).replace('/', "\\")
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        let _ = with_environment(command("wineserver").arg("-k")).status();
        let _ = self.server.wait();
    }
}

/// Lets a command, and what it starts, use our prefix.
pub(crate) fn with_environment(command: &mut Command) -> &mut Command {
    command
        .env("WINEPREFIX", prefix())
        .env("WINEDEBUG", "-all")
        // Nobody answers its questions about .NET and a browser.
        .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
        .env_remove("DISPLAY")
}

fn prefix() -> PathBuf {
    target_dir().join("wine")
}

/// `bcryptprimitives.dll` beside the program; built again when its source is newer.
fn build_shim(program: &Path) -> Result<()> {
    let source = root().join("crates/dev/lab/wine/prng_shim.c");
    let Some(folder) = program.parent().filter(|_| program.is_file()) else {
        bail!("{} is missing; build it first", program.display());
    };
    let shim = folder.join("bcryptprimitives.dll");
    let modified = |path: &Path| path.metadata().and_then(|meta| meta.modified()).ok();
    if modified(&shim).is_some_and(|built| Some(built) >= modified(&source)) {
        return Ok(());
    }
    output(
        command("x86_64-w64-mingw32-gcc")
            .args(["-shared", "-O2", "-Wall", "-Wextra", "-Werror", "-s", "-o"])
            .arg(&shim)
            .arg(&source)
            .arg("-ladvapi32"),
    )
    .map(drop)
}
