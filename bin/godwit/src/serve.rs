//! `godwit serve`: wires the parts together and runs until told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::Utc;
use gw_certs::{CertResolver, Reload};
use gw_http::{App, AppParts};
use gw_services::Services;
use tokio::net::{TcpListener, lookup_host};
use tokio::sync::watch;

use crate::config::Config;
use crate::open::{Opened, open};

/// Runs the server.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    // Everything below that speaks TLS uses this one provider.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let listener = bind(config.listen()).await?;
    let port = listener.local_addr()?.port();
    let Opened {
        services,
        certificates,
    } = open(&config, Utc::now()).await?;
    let address = config.public_address(port)?;
    publish_reach(&services, &certificates, &address).await?;
    announce(&services, &address).await?;

    let (stop, stopping) = watch::channel(false);
    let app = App::new(AppParts {
        services: services.clone(),
        certificates: Arc::clone(&certificates),
        trusted_proxies: config.trusted_proxies.clone(),
        stopping: stopping.clone(),
    });
    services.start();
    let renewal = tokio::spawn(keep_certificate_fresh(
        services.clone(),
        Arc::clone(&certificates),
    ));
    let tls = gw_http::tls_config(Arc::clone(&certificates))?;
    tokio::spawn(async move {
        stop_requested().await;
        tracing::info!("Server is told to stop");
        stop.send_replace(true);
    });
    tracing::info!(server.address = %address, listen = %listener.local_addr()?, "Server is ready");
    gw_http::serve(listener, tls, gw_http::router(app), stopping).await;
    renewal.abort();
    services.stop().await;
    tracing::info!("Server has stopped");
    Ok(())
}

async fn bind(listen: &str) -> anyhow::Result<TcpListener> {
    let wanted: Vec<SocketAddr> = lookup_host(listen)
        .await
        .with_context(|| {
            format!("`{listen}` is no address and port to listen on, such as 0.0.0.0:443")
        })?
        .collect();
    let listener = match TcpListener::bind(wanted.as_slice()).await {
        // A machine without IPv6 cannot listen on [::].
        Err(_) if listen.starts_with("[::]:") => {
            TcpListener::bind(listen.replacen("[::]", "0.0.0.0", 1)).await
        }
        bound => bound,
    };
    listener.with_context(|| {
        format!(
            "cannot listen on {listen}; another program may use the port, or it needs more rights"
        )
    })
}

/// Agents are told where the server is and which TLS key to expect.
async fn publish_reach(
    services: &Services,
    certificates: &CertResolver,
    address: &str,
) -> anyhow::Result<()> {
    services
        .suggest_agent_url(&format!("{address}/Agent"))
        .await?;
    publish_pin(services, certificates).await
}

async fn publish_pin(services: &Services, certificates: &CertResolver) -> anyhow::Result<()> {
    services
        .set_tls_pins(vec![hex::encode(certificates.info().key_sha256)])
        .await?;
    Ok(())
}

/// Prints the one-time address of a server that was never set up. The token
/// is behind `#`, so that no browser sends it and no log keeps it.
async fn announce(services: &Services, address: &str) -> anyhow::Result<()> {
    if let Some(token) = services.setup_token().await? {
        println!(
            "This server is not set up yet. Open this address once, within this run:\n\n    {address}/setup#{token}\n"
        );
    }
    Ok(())
}

/// Looks at the certificate every minute, and at once on SIGHUP.
async fn keep_certificate_fresh(services: Services, certificates: Arc<CertResolver>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(60)) => {}
            () = reload_requested() => {}
        }
        let held = Arc::clone(&certificates);
        let reloaded = tokio::task::spawn_blocking(move || held.reload(Utc::now())).await;
        match reloaded {
            Ok(Ok(Reload::Unchanged)) => {}
            Ok(Ok(Reload::Replaced)) => {
                tracing::info!("A new TLS certificate is in use");
                if let Err(error) = publish_pin(&services, &certificates).await {
                    tracing::error!(error = %format!("{error:#}"), "Agents cannot be told of the new TLS key");
                }
            }
            Ok(Err(error)) => {
                let error = anyhow::Error::new(error);
                tracing::warn!(error = %format!("{error:#}"), "The TLS certificate cannot be renewed; the old one stays");
            }
            Err(error) => tracing::error!(%error, "Renewing the TLS certificate broke off"),
        }
    }
}

#[cfg(unix)]
async fn stop_requested() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

#[cfg(not(unix))]
async fn stop_requested() {
    let _ = tokio::signal::ctrl_c().await;
}

#[cfg(unix)]
async fn reload_requested() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::hangup()) {
        Ok(mut hangup) => {
            hangup.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn reload_requested() {
    std::future::pending().await
}
