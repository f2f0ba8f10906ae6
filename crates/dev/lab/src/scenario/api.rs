//! A small client of the admin API: cookie, console header, `If-Match`, problems as errors.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{path::Path, time::Duration};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// A signed-in (or not yet signed-in) client.
#[derive(Debug)]
pub struct Api {
    agent: ureq::Agent,
    base: String,
    cookie: Option<String>,
}

impl Api {
    /// A client of `https://host:port` that believes only the given certificate.
    ///
    /// # Errors
    /// If the certificate cannot be read.
    pub fn new(base: &str, certificate: &Path) -> Result<Self> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let pem = std::fs::read(certificate)
            .with_context(|| format!("reading {}", certificate.display()))?;
        let root = Certificate::from_pem(&pem)
            .context("the server's certificate")?
            .to_owned();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[root]))
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        Ok(Self {
            agent: config.into(),
            base: base.to_owned(),
            cookie: None,
        })
    }

    /// GET.
    ///
    /// # Errors
    /// The problem's sentence.
    pub fn get(&self, path: &str) -> Result<Value> {
        self.ask("GET", path, None, None).map(|(_, body)| body)
    }

    /// POST.
    ///
    /// # Errors
    /// The problem's sentence.
    pub fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        let (cookie, answer) = self.ask("POST", path, Some(body), None)?;
        if cookie.is_some() {
            self.cookie = cookie;
        }
        Ok(answer)
    }

    /// PUT of something that has this version now.
    ///
    /// # Errors
    /// The problem's sentence.
    pub fn put(&self, path: &str, version: i64, body: &Value) -> Result<Value> {
        self.ask("PUT", path, Some(body), Some(version))
            .map(|(_, body)| body)
    }

    fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        version: Option<i64>,
    ) -> Result<(Option<String>, Value)> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", self.base))
            .header("godwit-console", "1");
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        if let Some(version) = version {
            request = request.header("if-match", format!("\"{version}\""));
        }
        let sent = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(serde_json::to_vec(body)?)?,
            None => request.body(Vec::new())?,
        };
        let mut answer = self
            .agent
            .run(sent)
            .with_context(|| format!("{method} {path}"))?;
        let status = answer.status().as_u16();
        let cookie = answer
            .headers()
            .get("set-cookie")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .map(str::to_owned);
        let text = answer
            .body_mut()
            .read_to_string()
            .with_context(|| format!("{method} {path}"))?;
        let value = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        };
        if status >= 400 {
            bail!(
                "{method} {path}: {status} {} {}",
                value["code"].as_str().unwrap_or("-"),
                value["detail"].as_str().map_or_else(
                    || value.to_string(),
                    |detail| format!("{detail} {}", value["errors"])
                )
            );
        }
        Ok((cookie, value))
    }
}
