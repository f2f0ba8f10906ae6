//! `engine` and `undo`: one process of one run, started by the agent, speaking
//! only through the run directory and the exit code (`docs/run-directory.md`).

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use gw_engine::rundir::DirStorage;
use gw_engine::{Options, Request};
use gw_platform::Machine;

/// Which run, on which device.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// The run directory
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The device: image:DIR
    #[arg(long, value_name = "DEVICE")]
    device: String,
}

/// The request, the run directory or the device is refused.
const REFUSED: u8 = 2;

/// Goes on with the run until it stops; the exit code says why.
pub(crate) fn run(command: &Command, request: Request) -> ExitCode {
    match work(command, request) {
        Ok(code) => ExitCode::from(code),
        Err((code, error)) => {
            eprintln!("godwit-agent: {error:#}");
            ExitCode::from(code)
        }
    }
}

fn work(command: &Command, request: Request) -> Result<u8, (u8, anyhow::Error)> {
    let refused = |error: anyhow::Error| (REFUSED, error);
    // The locks first: two processes must never open one device.
    let mut storage = DirStorage::open(&command.run).map_err(|error| refused(error.into()))?;
    let mut machine = open(&command.device)?;
    gw_engine::run(&mut *machine, &mut storage, &Options::real(), request)
        .map(gw_engine::Exit::code)
        .map_err(|error| (error.code(), error.into()))
}

/// Opens a device by its name on the command line.
pub(crate) fn open(device: &str) -> Result<Box<dyn Machine>, (u8, anyhow::Error)> {
    let Some(dir) = device.strip_prefix("image:") else {
        let error = anyhow::anyhow!("{device:?} is not a device; give image:DIR");
        return Err((REFUSED, error));
    };
    #[cfg(target_os = "linux")]
    match gw_platform_image::ImageMachine::open(std::path::Path::new(dir)) {
        Ok(machine) => Ok(Box::new(machine)),
        // Starting again may help: a stale mount, a busy loop device.
        Err(error) => Err((1, error.into())),
    }
    #[cfg(not(target_os = "linux"))]
    match gw_platform_image::ImageMachine::open(std::path::Path::new(dir)) {
        Ok(machine) => match machine {},
        Err(error) => Err((REFUSED, error.into())),
    }
}
