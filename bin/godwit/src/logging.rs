//! The log: lines on standard error, for the service manager to keep.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Starts logging. `GODWIT_LOG` wins over the configured filter.
pub(crate) fn start(log: &Log) -> anyhow::Result<()> {
    let text = std::env::var("GODWIT_LOG").unwrap_or_else(|_| log.filter.clone());
    let filter = EnvFilter::try_new(&text)
        .with_context(|| format!("the log filter `{text}` cannot be used"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match log.format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}
