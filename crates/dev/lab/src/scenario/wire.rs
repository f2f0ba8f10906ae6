//! The migration through a proxy that ends TLS, adds a path prefix and gzip, and is listened to.
//!
//! Agent → nginx (TLS, `/edge/…`, gzip) → a relay in clear that records everything and can flip a
//! byte → the server. What the relay records is what a curious operator of the proxy would see.

use super::{
    Device, Options, Server, Stage, devices::checker, say, server, verdict::Verdict, verify,
};
use crate::net;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

const FRONT: u16 = 9443;
const RELAY: u16 = 9080;
/// The prefix that agents see.
const PREFIX: &str = "/edge/of/the/world";
/// Where nginx puts the agents' API: other than what agents ask for, as proxies do.
const BEHIND: &str = "/inner/migration";
/// How the server refuses a request whose body is not the one that was signed.
const CHANGED: &str = "digest-mismatch";
const NONE: u8 = 0;
const REQUEST: u8 = 1;
const ANSWER: u8 = 2;

/// nginx and the relay behind it.
pub(crate) struct Proxy {
    nginx: Child,
    dir: PathBuf,
    tap: Arc<Tap>,
}

/// What the relay does besides passing on.
struct Tap {
    /// Everything in clear: one file per direction of a connection, as it came.
    captured: PathBuf,
    connections: AtomicU32,
    /// In which direction each message loses a bit.
    flip: AtomicU8,
    flipped: AtomicU32,
}

impl Proxy {
    /// Starts both in front of a server.
    pub(crate) fn start(dir: &Path, server: &Server) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        let tap = Arc::new(Tap {
            captured: dir.join("captured"),
            connections: AtomicU32::new(0),
            flip: AtomicU8::new(NONE),
            flipped: AtomicU32::new(0),
        });
        fs::create_dir_all(&tap.captured)?;
        relay(server, Arc::clone(&tap))?;
        certificate(&dir)?;
        fs::create_dir_all(dir.join("tmp"))?;
        fs::write(dir.join("nginx.conf"), configuration(&dir))?;
        let log = fs::File::create(dir.join("nginx.out"))?;
        let nginx = net::net_only(net::HQ, "nginx")
            .arg("-p")
            .arg(&dir)
            .arg("-c")
            .arg(dir.join("nginx.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("starting nginx; is the package nginx-light installed?")?;
        let proxy = Self { nginx, dir, tap };
        let since = Instant::now();
        while TcpStream::connect((net::HQ.address, FRONT)).is_err() {
            if since.elapsed() > Duration::from_secs(60) {
                bail!(
                    "nginx does not answer: {}",
                    server::tail(&proxy.dir.join("nginx.out"))
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(proxy)
    }

    /// The address that agents use.
    pub(crate) fn agent_url(&self) -> String {
        format!("https://{}:{FRONT}{PREFIX}/Agent", net::HQ.address)
    }

    /// nginx's own certificate.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.dir.join("edge.pem")
    }

    /// Everything that went through, in clear.
    pub(crate) fn captured(&self) -> PathBuf {
        self.dir.join("captured")
    }

    /// What the proxy saw, and what it could do.
    pub(crate) fn verify(
        &self,
        options: &Options,
        stage: &mut Stage,
        devices: &[Device],
        verdict: &mut Verdict,
    ) -> Result<()> {
        self.gzipped(verdict)?;
        self.clear(options, stage, devices, verdict)?;
        self.flipped_bytes(options, stage, devices, verdict)
    }

    /// nginx really compressed the answers, and really changed the path.
    fn gzipped(&self, verdict: &mut Verdict) -> Result<()> {
        let log = fs::read_to_string(self.dir.join("access.log"))?;
        let answers: Vec<&str> = log.lines().filter(|line| line.contains("/v1/")).collect();
        let gzipped = answers
            .iter()
            .filter(|line| line.ends_with(" gzip"))
            .count();
        // hello, enrol, checkin, stage and report at least.
        if gzipped >= 5 && gzipped == answers.len() {
            verdict.note(format!(
                "{gzipped} of {} answers reached the agent gzipped, asked for under {PREFIX} and passed on under {BEHIND}",
                answers.len()
            ));
        } else {
            verdict.fault(format!(
                "{gzipped} of {} answers were gzipped by nginx",
                answers.len()
            ));
        }
        Ok(())
    }

    /// No secret and no SID of the table is in any layer of what went through.
    fn clear(
        &self,
        options: &Options,
        stage: &Stage,
        devices: &[Device],
        verdict: &mut Verdict,
    ) -> Result<()> {
        let (read, told) = checker(options, "wire_layers.py")
            .arg(self.captured())
            .arg(self.layers())
            .said()?;
        let counts: Value = serde_json::from_str(told.trim()).unwrap_or_default();
        let operations = counts["operations"].to_string();
        let complete = ["hello", "enrol", "checkin", "stage", "report"]
            .iter()
            .all(|op| operations.contains(&format!("{BEHIND}/Agent/v1/{op}")));
        if !read || !complete {
            verdict.fault(format!(
                "the captured messages cannot be read, or a part of the migration is missing: {}",
                verify::first_lines(&told, 6)
            ));
        }
        let pairs = verify::pairs(&stage.forests)?;
        let both: Vec<String> = pairs
            .iter()
            .flat_map(|(from, to)| [from.clone(), to.clone()])
            .collect();
        let sids = self.dir.join("sids");
        fs::write(&sids, both.join("\n"))?;
        let mut secrets = vec![
            stage.project.psk.clone(),
            stage.project.secrets.administrator.clone(),
            stage.project.secrets.join.clone(),
            stage.project.secrets.take_back.clone(),
        ];
        secrets.extend(stage.project.secrets.readers.clone());
        for device in devices {
            let (fine, said) = checker(options, "machine_secret.py")
                .arg(device.disk())
                .said()?;
            if fine {
                secrets.push(said.trim().to_owned());
            } else {
                verdict.fault(format!(
                    "{} holds no machine secret to look for",
                    device.name
                ));
            }
            secrets.push(device.spec.machine.password.clone());
        }
        let count = secrets.len();
        let list = Secret::write(&self.dir.join("secrets"), &secrets.join("\n"))?;
        let (fine, said) = checker(options, "secret_search.py")
            .arg("--secret-file")
            .arg(&sids)
            .arg("--secret-file")
            .arg(&list.0)
            .arg(self.captured())
            .arg(self.layers())
            .said()?;
        drop(list);
        if fine {
            verdict.note(format!(
                "{} messages in clear behind the proxy ({} bytes, {} layers unfolded) hold none of {count} secrets and none of {} SIDs of the table",
                counts["messages"], counts["bytes"], counts["layers"], both.len()
            ));
        } else {
            verdict.fault(format!(
                "the proxy sees too much: {}",
                verify::first_lines(&said, 6)
            ));
        }
        Ok(())
    }

    /// One flipped byte in a message is refused, in either direction.
    fn flipped_bytes(
        &self,
        options: &Options,
        stage: &mut Stage,
        devices: &[Device],
        verdict: &mut Verdict,
    ) -> Result<()> {
        let device = devices.first().context("a device")?;
        for (direction, name) in [(REQUEST, "request"), (ANSWER, "answer")] {
            say(&format!("flipping one byte of each {name}"));
            let runs = stage.project.runs(device)?;
            let before = stage.project.refusals(CHANGED)?;
            self.tap.flipped.store(0, Ordering::SeqCst);
            self.tap.flip.store(direction, Ordering::SeqCst);
            let once = device.once(
                &options.bin("godwit-agent"),
                &self.agent_url(),
                &self.certificate(),
                &stage.project.psk,
            );
            self.tap.flip.store(NONE, Ordering::SeqCst);
            let once = once?;
            let flipped = self.tap.flipped.load(Ordering::SeqCst);
            fs::write(self.dir.join(format!("flipped-{name}.log")), &once.said)?;
            let trouble = once.status["trouble"].as_str().unwrap_or_default();
            // The server counts what it refuses; it flushes its counters every second.
            std::thread::sleep(Duration::from_millis(2500));
            let counted = stage.project.refusals(CHANGED)? - before;
            // The server cannot sign an answer to what it could not read.
            // In an answer to hello the byte may lie in the key set, whose own signatures come first.
            let named = trouble.contains("not signed by the server")
                || (direction == ANSWER && trouble.contains("the server is not believed"));
            let refused = named && (counted > 0) == (direction == REQUEST);
            if flipped > 0 && once.code == Some(4) && refused && stage.project.runs(device)? == runs
            {
                verdict.note(format!(
                    "one flipped byte of each {name} is refused ({}): {trouble}",
                    match direction {
                        REQUEST => format!("{counted} times {CHANGED} at the server"),
                        _ => format!("{flipped} answers"),
                    }
                ));
            } else {
                verdict.fault(format!(
                    "a flipped byte of the {name} went through (flipped {flipped}, exit {:?}, counted {counted}): {trouble} {}",
                    once.code,
                    verify::first_lines(&once.said, 4)
                ));
            }
        }
        // Left alone, the same agent and the same proxy work again.
        let once = device.once(
            &options.bin("godwit-agent"),
            &self.agent_url(),
            &self.certificate(),
            &stage.project.psk,
        )?;
        if once.code != Some(0) {
            verdict.fault(format!(
                "after the flips the agent does not get through again: {}",
                verify::first_lines(&once.said, 4)
            ));
        }
        Ok(())
    }

    fn layers(&self) -> PathBuf {
        self.dir.join("layers")
    }
}

/// A file that is gone when this value is.
struct Secret(PathBuf);

impl Secret {
    fn write(path: &Path, text: &str) -> Result<Self> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        let secret = Self(path.to_owned());
        file.write_all(text.as_bytes())?;
        Ok(secret)
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        server::end(&mut self.nginx);
    }
}

/// Makes `edge.pem` and `edge.key` for the head office's address.
pub(crate) fn certificate(dir: &Path) -> Result<()> {
    verify::must(
        Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
            .args(["-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-subj", "/CN=edge.godwit.test", "-addext"])
            .arg(format!(
                "subjectAltName=IP:{},DNS:edge.godwit.test",
                net::HQ.address
            ))
            .arg("-keyout")
            .arg(dir.join("edge.key"))
            .arg("-out")
            .arg(dir.join("edge.pem")),
    )
    .map(drop)
}

fn configuration(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "daemon off;\nworker_processes 1;\npid {dir}/nginx.pid;\nerror_log {dir}/nginx.log;\nuser root;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n log_format lab '$request_uri $status $sent_http_content_encoding';\n access_log {dir}/access.log lab;\n\
         client_max_body_size 8m;\n client_body_temp_path {dir}/tmp/body;\n proxy_temp_path {dir}/tmp/proxy;\n\
         fastcgi_temp_path {dir}/tmp/f;\n uwsgi_temp_path {dir}/tmp/u;\n scgi_temp_path {dir}/tmp/s;\n\
         gzip on; gzip_min_length 1; gzip_proxied any; gzip_types application/json application/problem+json;\n\
         server {{\n  listen {front}:{FRONT} ssl;\n  ssl_certificate {dir}/edge.pem;\n  ssl_certificate_key {dir}/edge.key;\n\
         location {PREFIX}/ {{ proxy_pass http://{relay}:{RELAY}{BEHIND}/; proxy_http_version 1.1; proxy_set_header Connection \"\"; }}\n }}\n}}\n",
        front = net::HQ.address,
        relay = net::ROOT_ADDRESS,
    )
}

/// Accepts in clear, records, and goes on to the server over TLS; `openssl s_client` is the TLS
/// end, so that nothing of the product takes part. nginx sends one request per connection.
fn relay(server: &Server, tap: Arc<Tap>) -> Result<()> {
    // The namespace that the lab was started in is on the same bridge.
    let listener = TcpListener::bind((net::ROOT_ADDRESS, RELAY)).context("the relay's port")?;
    let upstream = server.url().trim_start_matches("https://").to_owned();
    let certificate = server.certificate();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (tap, upstream, certificate) =
                (Arc::clone(&tap), upstream.clone(), certificate.clone());
            std::thread::spawn(move || {
                if let Err(error) = pass(client, &upstream, &certificate, &tap) {
                    say(&format!("relay: {error:#}"));
                }
            });
        }
    });
    Ok(())
}

fn pass(client: TcpStream, upstream: &str, certificate: &Path, tap: &Tap) -> Result<()> {
    let number = tap.connections.fetch_add(1, Ordering::SeqCst);
    let file = |direction: &str| -> Result<fs::File> {
        let name = format!("{number:05}-{direction}");
        Ok(fs::File::create(tap.captured.join(name))?)
    };
    let (requests, answers) = (file("request")?, file("answer")?);
    let mut tls = Command::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-verify_quiet",
            "-verify_return_error",
        ])
        .args(["-connect", upstream, "-CAfile"])
        .arg(certificate)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("starting openssl")?;
    let id = tls.id().to_string();
    let mut up = tls.stdin.take().context("a pipe")?;
    let mut down = tls.stdout.take().context("a pipe")?;
    let mut reader = client.try_clone()?;
    let mut writer = client;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            copy(&mut reader, &mut up, requests, tap, REQUEST);
            // nginx has gone: so does the way to the server.
            let _ = Command::new("kill").arg(&id).stderr(Stdio::null()).status();
        });
        copy(&mut down, &mut writer, answers, tap, ANSWER);
        let _ = writer.shutdown(std::net::Shutdown::Both);
    });
    drop(up);
    let _ = tls.kill();
    let _ = tls.wait();
    Ok(())
}

fn copy(from: &mut dyn Read, to: &mut dyn Write, mut captured: fs::File, tap: &Tap, direction: u8) {
    let mut buffer = vec![0; 65_536];
    let mut head = Vec::new();
    let mut flipped = false;
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 {
            break;
        }
        let chunk = &mut buffer[..count];
        let _ = captured.write_all(chunk);
        if !flipped && tap.flip.load(Ordering::SeqCst) == direction {
            let body = body_begins(&mut head, chunk);
            if let Some(start) = body.filter(|start| chunk.len() - start > 20) {
                chunk[start + (chunk.len() - start) / 2] ^= 1;
                flipped = true;
                tap.flipped.fetch_add(1, Ordering::SeqCst);
            }
        }
        if to.write_all(chunk).and_then(|()| to.flush()).is_err() {
            break;
        }
    }
}

/// Where in this chunk the body of the connection's only message is.
fn body_begins(head: &mut Vec<u8>, chunk: &[u8]) -> Option<usize> {
    let before = head.len();
    head.extend_from_slice(chunk);
    let end = head.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    Some(end.saturating_sub(before))
}
