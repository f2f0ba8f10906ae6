//! The real binary over a real socket: first start, set-up, stop, start again.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

struct Server {
    child: Child,
    port: u16,
    ready_after: Duration,
}

impl Server {
    fn start(dir: &Path, port: u16) -> Self {
        let began = Instant::now();
        let mut child = command(dir, port)
            .stdout(Stdio::piped())
            .stderr(log(dir))
            .spawn()
            .unwrap();
        let answers = || agent(dir)?.get(url(port, "/api/v1/health")).call().ok();
        while answers().is_none() {
            assert!(
                began.elapsed() < PATIENCE,
                "the server does not answer: {}",
                log_text(dir)
            );
            assert!(
                child.try_wait().unwrap().is_none(),
                "the server ended: {}",
                log_text(dir)
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        Self {
            child,
            port,
            ready_after: began.elapsed(),
        }
    }

    /// The printed one-time address; the server must not be set up.
    fn setup_address(&mut self) -> String {
        let mut lines = BufReader::new(self.child.stdout.take().unwrap()).lines();
        loop {
            let line = lines.next().expect("an address is printed").unwrap();
            if line.trim().starts_with("https://") {
                return line.trim().to_owned();
            }
        }
    }

    fn call(
        &self,
        dir: &Path,
        method: &str,
        path: &str,
        cookie: &str,
        body: &Value,
    ) -> (u16, Value, String) {
        let request = http::Request::builder()
            .method(method)
            .uri(url(self.port, path))
            .header("content-type", "application/json")
            .header("godwit-console", "1")
            .header("cookie", cookie)
            .body(body.to_string())
            .unwrap();
        let mut answer = agent(dir).unwrap().run(request).unwrap();
        let set = answer
            .headers()
            .get("set-cookie")
            .map_or("", |value| value.to_str().unwrap())
            .to_owned();
        let text = answer.body_mut().read_to_string().unwrap();
        let cookie = set.split(';').next().unwrap_or_default().to_owned();
        (
            answer.status().as_u16(),
            serde_json::from_str(&text).unwrap_or(Value::Null),
            cookie,
        )
    }

    fn terminate(&mut self) -> ExitStatus {
        let killed = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "the server does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(dir: &Path, port: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_godwit"));
    command
        .args([
            "serve",
            "--name",
            "localhost",
            "--listen",
            &format!("127.0.0.1:{port}"),
            "--data",
        ])
        .arg(dir.join("data"))
        .env_remove("GODWIT_LOG")
        .env_remove("GODWIT_CONFIG");
    command
}

fn log(dir: &Path) -> std::fs::File {
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(dir.join("log"))
        .unwrap()
}

fn log_text(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("log")).unwrap_or_default()
}

fn url(port: u16, path: &str) -> String {
    format!("https://localhost:{port}{path}")
}

/// A client that believes the server's own certificate and nothing else.
fn agent(dir: &Path) -> Option<ureq::Agent> {
    let pem = std::fs::read(dir.join("data/tls/self-signed.pem")).ok()?;
    let certificate = Certificate::from_pem(&pem).ok()?;
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(vec![certificate])))
        .build();
    let config = ureq::Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .build();
    Some(config.into())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[cfg(target_os = "linux")]
fn resident_bytes(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}

#[test]
fn from_the_first_start_to_the_second() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, port) = (dir.path(), free_port());
    let mut server = Server::start(dir, port);
    assert!(
        server.ready_after < Duration::from_secs(5),
        "{:?}",
        server.ready_after
    );
    #[cfg(target_os = "linux")]
    assert!(
        resident_bytes(server.child.id()) < 80 << 20,
        "{}",
        resident_bytes(server.child.id())
    );

    let address = server.setup_address();
    let (place, token) = address.split_once('#').expect("the token is behind #");
    assert_eq!(place, url(port, "/setup"));
    let setup =
        json!({"token": token, "name": "ann", "password": PASSWORD, "customer_name": "Contoso"});
    let (status, done, cookie) = server.call(dir, "POST", "/api/v1/setup", "", &setup);
    assert_eq!(status, 201, "{done}");
    let (status, settings, _) = server.call(dir, "GET", "/api/v1/settings", &cookie, &Value::Null);
    assert_eq!(
        (status, &settings["agent_url"]),
        (200, &json!(url(port, "/Agent")))
    );

    // A second server cannot take the port, and says so.
    let second = command(dir, port).output().unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(
        said.contains(&format!("cannot listen on 127.0.0.1:{port}")),
        "{said}"
    );

    assert!(server.terminate().success());
    let mut server = Server::start(dir, port);
    let (status, session, _) = server.call(dir, "GET", "/api/v1/session", &cookie, &Value::Null);
    assert_eq!(
        (status, &session["name"]),
        (200, &json!("ann")),
        "the session outlives a restart"
    );
    let mut printed = server.child.stdout.take().unwrap();
    assert!(server.terminate().success());
    let mut again = String::new();
    printed.read_to_string(&mut again).unwrap();
    assert!(
        !again.contains("https://"),
        "a server that is set up prints no address: {again}"
    );

    let kept = log_text(dir);
    assert!(
        kept.contains("Server is ready") && kept.contains("Server has stopped"),
        "{kept}"
    );
    for secret in [
        token,
        PASSWORD,
        cookie.split('=').nth(1).unwrap(),
        done["recovery_key"].as_str().unwrap(),
    ] {
        assert!(!kept.contains(secret), "a secret is in the log");
    }
}

#[test]
fn a_configuration_with_an_unknown_key_is_refused_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("godwit.toml");
    std::fs::write(&config, "data_dirr = \"/nowhere\"\n").unwrap();
    let output = command(dir.path(), free_port())
        .arg("--config")
        .arg(&config)
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("data_dirr") && said.contains("godwit.toml"),
        "{said}"
    );
    assert!(!dir.path().join("data").exists());
}

#[test]
fn a_licence_is_issued_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("issuer.secret");
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_godwit"))
            .arg("licence")
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let secret = secret.to_str().unwrap();
    assert_eq!(run(&["issuer-new", "--secret", secret]).len(), 64);
    let licence = run(&[
        "issue",
        "--secret",
        secret,
        "--licensee",
        "Contoso",
        "--source",
        "source.test",
        "--target",
        "target.test",
        "--devices",
        "100",
        "--from",
        "2026-01-01",
        "--until",
        "2027-12-31",
    ]);
    assert!(licence.starts_with("gwl1."));
    let shown: Value = serde_json::from_str(&run(&["show", &licence])).unwrap();
    assert_eq!(
        (&shown["devices"], &shown["source"]),
        (&json!(100), &json!("source.test"))
    );
    assert_eq!(shown["not_after"], "2028-01-01T00:00:00Z");
}

#[test]
fn the_printed_description_of_the_api_is_the_committed_one() {
    let output = Command::new(env!("CARGO_BIN_EXE_godwit"))
        .arg("openapi")
        .output()
        .unwrap();
    let committed = include_str!("../../../docs/openapi.json");
    assert!(String::from_utf8(output.stdout).unwrap() == committed);
}

const PATIENCE: Duration = Duration::from_secs(20);
const PASSWORD: &str = "correct horse battery";
