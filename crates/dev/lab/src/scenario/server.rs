//! The real server as a child process, and a real browser in front of it.

use crate::{net, scenario::Api};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

const PORT: u16 = 8443;
const START: Duration = Duration::from_secs(90);

/// `godwit serve` in the head-office namespace.
#[derive(Debug)]
pub struct Server {
    child: Child,
    data: PathBuf,
    setup: Option<String>,
    kept: bool,
    port: u16,
    program: PathBuf,
}

impl Server {
    /// Starts it on an empty (or existing) data folder and waits until it answers.
    ///
    /// # Errors
    /// If it ends or does not answer; the error quotes its log.
    pub fn start(program: &Path, data: &Path) -> Result<Self> {
        Self::start_at(program, data, PORT)
    }

    /// As [`Server::start`], on another port.
    ///
    /// # Errors
    /// As there.
    pub fn start_at(program: &Path, data: &Path, port: u16) -> Result<Self> {
        fs::create_dir_all(data)?;
        let log = data.with_extension("log");
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)?;
        let mut child = net::command(net::HQ, &program.display().to_string())?
            .arg("serve")
            .arg("--data")
            .arg(data)
            .args(["--listen", &format!("{}:{port}", net::HQ.address)])
            .args(["--name", net::HQ.address, "--name", "server.godwit.test"])
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let (send, lines) = mpsc::channel();
        if let Some(output) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = send.send(line);
                }
            });
        }
        let mut server = Self {
            child,
            data: data.to_path_buf(),
            setup: None,
            kept: false,
            port,
            program: program.to_path_buf(),
        };
        server.wait(&lines, &log)?;
        Ok(server)
    }

    fn wait(&mut self, lines: &mpsc::Receiver<String>, log: &Path) -> Result<()> {
        let since = Instant::now();
        loop {
            while let Ok(line) = lines.try_recv() {
                if let Some(at) = line.find("https://")
                    && line.contains("/setup#")
                {
                    self.setup = Some(line[at..].trim().to_owned());
                }
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}: {}", tail(log));
            }
            if self.certificate().is_file()
                && Api::new(&self.url(), &self.certificate())
                    .and_then(|api| api.get("/health"))
                    .is_ok()
            {
                // The set-up address is printed before the server listens.
                std::thread::sleep(Duration::from_millis(50));
                while let Ok(line) = lines.try_recv() {
                    if let Some(at) = line.find("https://")
                        && line.contains("/setup#")
                    {
                        self.setup = Some(line[at..].trim().to_owned());
                    }
                }
                return Ok(());
            }
            if since.elapsed() > START {
                bail!(
                    "the server does not answer after {} s: {}",
                    START.as_secs(),
                    tail(log)
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// `https://address:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}:{}", net::HQ.address, self.port)
    }

    /// The address that agents use.
    #[must_use]
    pub fn agent_url(&self) -> String {
        format!("{}/Agent", self.url())
    }

    /// The one-time set-up address, if it was printed.
    #[must_use]
    pub fn setup_address(&self) -> Option<&str> {
        self.setup.as_deref()
    }

    /// The certificate that it made for itself.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        ["tls/self-signed.pem", "self-signed.pem"]
            .iter()
            .map(|name| self.data.join(name))
            .find(|path| path.is_file())
            .unwrap_or_else(|| self.data.join("tls/self-signed.pem"))
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Leaves it running when this value goes.
    pub fn keep(&mut self) {
        self.kept = true;
    }

    /// Stops it and starts it again on the same data.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn restart(&mut self) -> Result<()> {
        self.stop();
        let (program, data) = (self.program.clone(), self.data.clone());
        let again = Self::start_at(&program, &data, self.port)?;
        let mut old = std::mem::replace(self, again);
        old.kept = true;
        Ok(())
    }

    /// Stops it.
    pub fn stop(&mut self) {
        end(&mut self.child);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.kept {
            self.stop();
        }
    }
}

/// SIGTERM, then SIGKILL.
pub(crate) fn end(child: &mut Child) {
    if matches!(child.try_wait(), Ok(Some(_))) {
        return;
    }
    let _ = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .stderr(Stdio::null())
        .status();
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(10) {
        if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// The end of a log, for errors.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

/// The console's end-to-end script in real Chromium.
pub(crate) struct Browser {
    child: Child,
    lines: mpsc::Receiver<String>,
    log: PathBuf,
}

impl Browser {
    pub(crate) fn start(
        script: &Path,
        server: &Server,
        dir: &Path,
        facts: &Value,
        shots: &Path,
    ) -> Result<Self> {
        let lab = dir.join("console.json");
        fs::write(&lab, serde_json::to_vec_pretty(facts)?)?;
        fs::create_dir_all(shots)?;
        let log = dir.join("browser.log");
        let setup = server
            .setup_address()
            .context("the server printed no set-up address")?;
        let mut child = Command::new("node")
            .arg(script)
            .env("GODWIT_URL", setup)
            .env("GODWIT_LAB", &lab)
            .env("GODWIT_SHOTS", shots)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log)?)
            .spawn()
            .context("starting node")?;
        let (send, lines) = mpsc::channel();
        if let Some(output) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if !line.starts_with("PSK=") {
                        eprintln!("browser: {line}");
                    }
                    let _ = send.send(line);
                }
            });
        }
        Ok(Self { child, lines, log })
    }

    /// The pre-shared key that the script copied from the page.
    pub(crate) fn psk(&mut self, patience: Duration) -> Result<String> {
        let since = Instant::now();
        loop {
            if let Ok(line) = self.lines.recv_timeout(Duration::from_millis(200))
                && let Some(psk) = line.strip_prefix("PSK=")
            {
                return Ok(psk.trim().to_owned());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "the browser script ended with {status} before it made a key: {}",
                    tail(&self.log)
                );
            }
            if since.elapsed() > patience {
                bail!(
                    "the browser script made no key within {} s: {}",
                    patience.as_secs(),
                    tail(&self.log)
                );
            }
        }
    }

    /// Waits for the script's own verdict.
    pub(crate) fn finish(&mut self, patience: Duration) -> Result<()> {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                bail!(
                    "the browser script ended with {status}: {}",
                    tail(&self.log)
                );
            }
            if since.elapsed() > patience {
                bail!(
                    "the browser script did not end within {} s: {}",
                    patience.as_secs(),
                    tail(&self.log)
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
