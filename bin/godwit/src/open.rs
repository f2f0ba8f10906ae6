//! Opens an installation: its folder, its certificate, its use cases.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use gw_certs::CertResolver;
use gw_services::{Open, Services};

use crate::config::Config;

/// The certificate and the use cases of an installation.
pub(crate) struct Opened {
    pub(crate) services: Services,
    pub(crate) certificates: Arc<CertResolver>,
}

/// Opens the installation that `config` describes, and makes what is missing.
pub(crate) async fn open(config: &Config, now: DateTime<Utc>) -> anyhow::Result<Opened> {
    let data = config.data_dir();
    make_private(&data)?;
    let certificates = Arc::new(CertResolver::new(config.certificate()?, now)?);
    let services = Services::open(Open::standard(&data, config.database.url.as_deref()))
        .await
        .with_context(|| format!("the installation in {} cannot be opened", data.display()))?;
    Ok(Opened {
        services,
        certificates,
    })
}

/// Makes the data folder, for the server's account only.
fn make_private(dir: &Path) -> anyhow::Result<()> {
    let failed = || {
        format!(
            "cannot make the data folder {}; choose another one with --data",
            dir.display()
        )
    };
    if dir.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(dir).with_context(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
            .with_context(failed)?;
    }
    Ok(())
}
