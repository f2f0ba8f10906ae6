//! A project, configured through the admin API the way a person would.

use super::{Api, Device, Server, verdict::DeviceResult};
use crate::forest::{Forests, plan};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// The administrator that the lab signs in as.
pub(crate) const ADMINISTRATOR: &str = "lab";

/// What must appear nowhere but where it belongs.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// The console's sign-in.
    pub administrator: String,
    /// Password of the account that joins.
    pub join: String,
    /// Password of the account that takes devices back.
    pub take_back: String,
    /// Passwords of the directories' readers.
    pub readers: Vec<String>,
}

/// A configured project on a running server.
#[derive(Debug)]
pub struct Project {
    api: Option<Api>,
    base: String,
    /// The pre-shared key for agents.
    pub psk: String,
    /// What must not leak.
    pub secrets: Secrets,
    source: String,
    target: String,
    runbook: String,
}

impl Project {
    /// Signs in for the first time, connects both directories, imports, matches, and makes runbook,
    /// licence and key.
    ///
    /// # Errors
    /// The first thing that the server refuses.
    pub fn configure(server: &Server, forests: &Forests, godwit: &Path) -> Result<Self> {
        let token = server
            .setup_address()
            .and_then(|address| address.split_once('#'))
            .map(|(_, token)| token.to_owned())
            .context("the server printed no set-up address")?;
        let mut api = Api::new(&server.url(), &server.certificate())?;
        let secrets = secrets(forests)?;
        api.post(
            "/setup",
            &json!({ "token": token, "name": ADMINISTRATOR, "password": secrets.administrator, "customer_name": "Lab" }),
        )?;
        let customers = api.get("/customers")?;
        let base = format!("/customers/{}", id(&customers["items"][0])?);
        let source = directory(&mut api, &base, forests, "source")?;
        let target = directory(&mut api, &base, forests, "target")?;
        api.post(
            &format!("{base}/sync-profiles"),
            &json!({
                "name": "By employee number",
                "source_directory_id": source, "target_directory_id": target,
                "rules": [
                    { "kind": "user", "source_attribute": "employeeID", "target_attribute": "employeeID" },
                    { "kind": "group", "source_attribute": "sAMAccountName", "target_attribute": "sAMAccountName" },
                ],
                "well_known_groups": true,
                "include_disabled": true,
            }),
        )?;
        let job = api.post(&format!("{base}/schedule/start"), &json!({}))?;
        wait_for_job(&api, &base, &id(&job)?)?;
        licence(&mut api, &base, godwit, server.data())?;
        let runbook = runbook(&mut api, &base, &source, &target, &secrets)?;
        ensure_certificate(&mut api, &base)?;
        let psk = api.post(
            &format!("{base}/psks"),
            &json!({ "name": "Lab", "policy": "first_claim" }),
        )?;
        let psk = ["key", "psk", "text", "secret"]
            .iter()
            .find_map(|field| psk[*field].as_str())
            .context("the answer holds no key")?
            .to_owned();
        Ok(Self {
            api: Some(api),
            base,
            psk,
            secrets,
            source,
            target,
            runbook,
        })
    }

    /// A project that somebody else configured, through the console.
    #[must_use]
    pub fn observed(_server: &Server, secrets: Secrets, psk: String) -> Self {
        Self {
            api: None,
            base: String::new(),
            psk,
            secrets,
            source: String::new(),
            target: String::new(),
            runbook: String::new(),
        }
    }

    fn api(&mut self) -> Result<&mut Api> {
        self.api
            .as_mut()
            .context("this project was configured through the console")
    }

    /// Puts devices into a batch whose window is open and enforced now.
    ///
    /// # Errors
    /// What the server refuses.
    pub fn release(&mut self, devices: &[Device]) -> Result<()> {
        let now = (chrono::Utc::now() - chrono::TimeDelta::minutes(1))
            .format("%Y-%m-%dT%H:%M:%S")
            .to_string();
        let (base, runbook) = (self.base.clone(), self.runbook.clone());
        let body = json!({
            "name": format!("Night {}", devices.first().map(|d| d.name.clone()).unwrap_or_default()),
            "source_directory_id": self.source, "target_directory_id": self.target,
            "mode": "only_these",
            "runbooks": [{ "runbook_id": runbook, "available_from": now, "enforced_after": now, "zone": "utc" }],
        });
        let mut ids = Vec::new();
        for device in devices {
            ids.push(self.device_id(&device.name)?);
        }
        let api = self.api()?;
        let batch = api.post(&format!("{base}/batches"), &body)?;
        api.post(
            &format!("{base}/batches/{}/devices", id(&batch)?),
            &json!({ "device_ids": ids }),
        )?;
        Ok(())
    }

    /// Our own id of an imported computer.
    ///
    /// # Errors
    /// If there is no such device.
    pub fn device_id(&mut self, name: &str) -> Result<String> {
        let path = format!("{}/devices?q={name}", self.base);
        let found = self.api()?.get(&path)?;
        let items = found["items"].as_array().cloned().unwrap_or_default();
        let device = items
            .iter()
            .find(|device| {
                device["name"]
                    .as_str()
                    .is_some_and(|have| have.trim_end_matches('$').eq_ignore_ascii_case(name))
            })
            .with_context(|| format!("the server knows no device {name}"))?;
        id(device)
    }

    /// Waits until the newest run of a device ended, and reads what the console would show.
    ///
    /// # Errors
    /// If none ends in time.
    pub(crate) fn wait_for_run(
        &mut self,
        device: &Device,
        patience: Duration,
    ) -> Result<DeviceResult> {
        let device_id = self.device_id(&device.name)?;
        let path = format!("{}/runs?device_id={device_id}", self.base);
        let since = Instant::now();
        let mut shown = String::new();
        loop {
            let runs = self.api()?.get(&path)?;
            let run = &runs["items"][0];
            let step = format!(
                "{} {}",
                run["state"].as_str().unwrap_or("no run yet"),
                run["step"].as_str().unwrap_or("")
            );
            if step != shown {
                super::say(&format!("{}: {step}", device.name));
                shown = step;
            }
            if run["state"] == "finished" {
                let detail = format!("{}/runs/{}", self.base, id(run)?);
                let run = self.api()?.get(&detail)?;
                return DeviceResult::from_run(&device.name, &run);
            }
            if since.elapsed() > patience {
                bail!(
                    "{} did not finish within {} s (last: {shown}); its agent says: {}",
                    device.name,
                    patience.as_secs(),
                    super::server::tail(&device.log())
                );
            }
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    /// Every run of a device, newest first.
    ///
    /// # Errors
    /// If the server cannot be asked.
    pub fn runs(&mut self, device: &Device) -> Result<Value> {
        let device_id = self.device_id(&device.name)?;
        let path = format!("{}/runs?device_id={device_id}", self.base);
        Ok(self.api()?.get(&path)?["items"].clone())
    }

    /// How often agents were refused for this cause, as the audit trail counts it.
    ///
    /// # Errors
    /// If the server cannot be asked.
    pub(crate) fn refusals(&mut self, cause: &str) -> Result<u64> {
        let rows = self
            .api()?
            .get(&format!("/audit?action=agent.refused.{cause}&limit=500"))?;
        let rows = rows["items"].as_array().cloned().unwrap_or_default();
        Ok(rows.iter().filter_map(|row| row["count"].as_u64()).sum())
    }

    /// GET below the customer.
    ///
    /// # Errors
    /// If the server cannot be asked.
    pub(crate) fn get(&mut self, path: &str) -> Result<Value> {
        let path = format!("{}{path}", self.base);
        self.api()?.get(&path)
    }

    /// POST below the customer.
    ///
    /// # Errors
    /// What the server refuses.
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        let path = format!("{}{path}", self.base);
        self.api()?.post(&path, body)
    }

    /// Imports the source again.
    ///
    /// # Errors
    /// If the import fails.
    pub(crate) fn import_source(&mut self) -> Result<()> {
        let path = format!("/directories/{}/import", self.source);
        let job = self.post(&path, &json!({}))?;
        let base = self.base.clone();
        wait_for_job(self.api()?, &base, &id(&job)?)
    }

    /// Counts of the Translation Table.
    ///
    /// # Errors
    /// If the server cannot be asked.
    pub fn counts(&mut self) -> Result<Value> {
        let path = format!("{}/translations/counts", self.base);
        self.api()?.get(&path)
    }
}

fn id(value: &Value) -> Result<String> {
    value["id"]
        .as_str()
        .or_else(|| value["summary"]["id"].as_str())
        .map(str::to_owned)
        .with_context(|| format!("no id in {value}"))
}

fn secrets(forests: &Forests) -> Result<Secrets> {
    Ok(Secrets {
        administrator: "correct horse battery staple".into(),
        join: password(forests, "target", plan::JOIN)?,
        take_back: password(forests, "source", plan::RETURN)?,
        readers: vec![
            password(forests, "source", plan::READ)?,
            password(forests, "target", plan::READ)?,
        ],
    })
}

fn password(forests: &Forests, side: &str, account: &str) -> Result<String> {
    let domain = forests.domain(side)?;
    let service = domain
        .service(account)
        .with_context(|| format!("{side} has no {account}"))?;
    Ok(service.password.clone())
}

fn connection(forests: &Forests, side: &str) -> Result<Value> {
    let domain = forests.domain(side)?;
    Ok(json!({
        "kind": "active_directory",
        "host": format!("dc1.{}", domain.dns_name),
        "port": 636,
        "transport": "ldaps",
        "trust": { "kind": "ca", "pem": fs::read_to_string(forests.ca_file())? },
        "account": format!("{}@{}", plan::READ, domain.dns_name),
        "extra_attributes": ["employeeID"],
    }))
}

fn directory(api: &mut Api, base: &str, forests: &Forests, side: &str) -> Result<String> {
    let body = json!({
        "name": side,
        "connection": connection(forests, side)?,
        "password": password(forests, side, plan::READ)?,
    });
    let test = api.post(&format!("{base}/directories/test-connection"), &body)?;
    if test["ok"] != true {
        bail!("the connection to {side} does not work: {}", test["checks"]);
    }
    id(&api.post(&format!("{base}/directories"), &body)?)
}

fn wait_for_job(api: &Api, base: &str, job: &str) -> Result<()> {
    let since = Instant::now();
    loop {
        let state = api.get(&format!("{base}/jobs/{job}"))?;
        match state["state"].as_str() {
            Some("succeeded" | "done" | "success" | "finished") => return Ok(()),
            Some("failed" | "cancelled" | "error") => {
                let messages = api.get(&format!("{base}/jobs/{job}/messages"))?;
                bail!("the job {job} failed: {state} {messages}");
            }
            _ if since.elapsed() > Duration::from_secs(300) => {
                bail!("the job {job} does not end: {state}")
            }
            _ => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// Makes an issuer and a licence with the server's own tool, and applies both.
fn licence(api: &mut Api, base: &str, godwit: &Path, data: &Path) -> Result<()> {
    let (public_key, text) = issue(godwit, data)?;
    let settings = api.get("/settings")?;
    api.put(
        "/settings",
        settings["version"].as_i64().unwrap_or_default(),
        &json!({
            "agent_url": settings["agent_url"],
            "poll_minutes": settings["poll_minutes"],
            "licence_issuers": [{ "name": "Lab", "public_key": public_key }],
        }),
    )?;
    api.post(&format!("{base}/licences"), &json!({ "licence": text }))?;
    Ok(())
}

fn issue(godwit: &Path, data: &Path) -> Result<(String, String)> {
    let key = data.with_extension("issuer.key");
    let _ = fs::remove_file(&key);
    let run = |arguments: &[&str]| -> Result<String> {
        let output = Command::new(godwit)
            .args(arguments)
            .output()
            .context("godwit licence")?;
        if !output.status.success() {
            bail!(
                "godwit {}: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let path = key.display().to_string();
    let made = run(&["licence", "issuer-new", "--secret", &path])?;
    let public = made
        .split_whitespace()
        .last()
        .context("no public key was printed")?
        .to_owned();
    let until = (chrono::Utc::now() + chrono::TimeDelta::days(365))
        .format("%Y-%m-%d")
        .to_string();
    let text = run(&[
        "licence",
        "issue",
        "--secret",
        &path,
        "--licensee",
        "Lab",
        "--devices",
        "100",
        "--source",
        "source.test",
        "--target",
        "target.test",
        "--until",
        &until,
    ])?;
    Ok((public, text))
}

fn runbook(
    api: &mut Api,
    base: &str,
    source: &str,
    target: &str,
    secrets: &Secrets,
) -> Result<String> {
    let mut document = api.get("/runbook-template")?["document"].clone();
    document["general"]["name"] = json!("Move to the target");
    document["general"]["sources"] = json!([source]);
    document["general"]["target"] = json!(target);
    document["device_state"]["leave"] = json!("active_directory");
    document["device_state"]["join"] = json!({
        "kind": "active_directory",
        "organisational_unit": "OU=Migrated,DC=target,DC=test",
        "reuse_existing_account": true,
        "join_account": format!("{}@target.test", plan::JOIN),
    });
    document["device_state"]["way_back"]["return_account"] =
        json!(format!("{}@source.test", plan::RETURN));
    let body = json!({
        "document": document,
        "join_password": secrets.join,
        "return_password": secrets.take_back,
    });
    id(&api.post(&format!("{base}/runbooks"), &body)?)
}

fn ensure_certificate(api: &mut Api, base: &str) -> Result<()> {
    if api.get(&format!("{base}/agent-certificate")).is_err() {
        api.post(&format!("{base}/agent-certificate"), &json!({}))?;
    }
    Ok(())
}

/// What a person at the console would have at hand.
pub(crate) fn console_facts(
    forests: &Forests,
    godwit: &Path,
    device: &Device,
) -> Result<(Value, Secrets)> {
    let secrets = secrets(forests)?;
    let (public_key, licence) = issue(godwit, &device.dir)?;
    let side = |side: &str| -> Result<Value> {
        let mut connection = connection(forests, side)?;
        connection["password"] = json!(password(forests, side, plan::READ)?);
        connection["ca_pem"] = json!(fs::read_to_string(forests.ca_file())?);
        Ok(connection)
    };
    let facts = json!({
        "administrator": { "name": ADMINISTRATOR, "password": secrets.administrator },
        "customer": "Lab",
        "source": side("source")?,
        "target": side("target")?,
        "join_account": format!("{}@target.test", plan::JOIN), "join_password": secrets.join,
        "organisational_unit": "OU=Migrated,DC=target,DC=test",
        "return_account": format!("{}@source.test", plan::RETURN), "return_password": secrets.take_back,
        "licence": licence, "issuer_public_key": public_key,
        "devices": [device.name],
    });
    Ok((facts, secrets))
}
