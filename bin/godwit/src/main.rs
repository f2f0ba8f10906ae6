//! `godwit`: the server, and the commands around it.

mod config;
mod doctor;
mod licence;
mod logging;
mod open;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use config::Config;

/// Moves Windows devices between directories and keeps every profile in place.
#[derive(Parser)]
#[command(name = "godwit", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server until it is told to stop.
    Serve {
        #[command(flatten)]
        place: Place,
        /// Address and port to listen on, such as 0.0.0.0:8443.
        #[arg(long, env = "GODWIT_LISTEN")]
        listen: Option<String>,
        /// Host name or address under which the server is reached; may be repeated, the first is the main one.
        #[arg(long = "name", value_name = "HOST")]
        names: Vec<String>,
    },
    /// Looks at an installation and says what to mend. Changes nothing.
    Doctor {
        #[command(flatten)]
        place: Place,
    },
    /// Prints the OpenAPI document of the admin API.
    Openapi,
    /// Makes and reads licences.
    #[command(subcommand)]
    Licence(licence::Command),
}

/// Where the installation is.
#[derive(clap::Args)]
struct Place {
    /// Bootstrap file; /etc/godwit/godwit.toml when there is one.
    #[arg(long, value_name = "FILE", env = "GODWIT_CONFIG")]
    config: Option<PathBuf>,
    /// Folder of the embedded database, the keys and the self-signed certificate.
    #[arg(long, value_name = "DIR", env = "GODWIT_DATA")]
    data: Option<PathBuf>,
}

impl Place {
    fn read(self) -> anyhow::Result<Config> {
        let mut config = Config::read(self.config.as_deref())?;
        if self.data.is_some() {
            config.data_dir = self.data;
        }
        Ok(config)
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("godwit: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Serve {
            place,
            listen,
            names,
        } => {
            let mut config = place.read()?;
            if listen.is_some() {
                config.listen = listen;
            }
            if !names.is_empty() {
                config.names = names;
            }
            logging::start(&config.log)?;
            runtime()?.block_on(serve::run(config))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Doctor { place } => runtime()?.block_on(doctor::run(place.read()?)),
        Command::Openapi => {
            println!("{}", gw_http::document().to_pretty_json()?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Licence(command) => licence::run(command),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}
